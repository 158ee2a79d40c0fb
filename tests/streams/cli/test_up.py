"""`recado up` as a person runs it: alone on its data, gone with all it started even when killed, and back again."""

import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from streams.cli.place import free_port

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[3]
WITHIN = 90  # seconds, of a machine under load


def environment(data: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return kept | {"RECADO_DATA": str(data), "RECADO_HTTP": f"127.0.0.1:{port}", "RECADO_PARTITIONS": "2"}


@contextmanager
def running_up(data: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """`recado up`, ready; killed at the end if it still runs."""
    command = [sys.executable, "-m", "streams.cli", "up"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(data, port), stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + WITHIN
            while not is_ready(port):
                assert process.poll() is None, "recado up ended"
                assert time.monotonic() < deadline, "recado up is not ready"
                select.select([], [], [], 0.1)
            yield process
        finally:
            process.kill()


def is_ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def offspring(pid: int) -> list[int]:
    """Every process that this one started, and those that they did, as Linux lists them."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in offspring(child)]


def test_up_is_alone_on_its_data_and_takes_all_with_it_when_it_is_killed(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with running_up(data, port) as up:
        second = subprocess.run(
            [sys.executable, "-m", "streams.cli", "up"],
            cwd=ROOT,
            env=environment(data, free_port()),
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert f"(process {up.pid})" in second.stderr
        assert second.stderr.count("\n") == 1

        started = offspring(up.pid)
        assert len(started) >= 4  # worker, read model, HTTP, the broker and its watchdog
        handles = [os.pidfd_open(pid) for pid in started]
        up.send_signal(signal.SIGKILL)
        waiting, deadline = set(handles), time.monotonic() + WITHIN
        while waiting and time.monotonic() < deadline:
            waiting -= set(select.select(list(waiting), [], [], 1)[0])  # readable once the process has ended
        for handle in handles:
            os.close(handle)
        assert not waiting

    with running_up(data, port) as again:
        for pid in (*offspring(again.pid), again.pid):  # as a service manager stops a group: all at the same moment
            os.kill(pid, signal.SIGTERM)
        assert again.wait(WITHIN) == 0
        assert again.stdout is not None
        told = again.stdout.read()
    assert "killed" not in told
    assert told.endswith("recado: stopped.\n")
    assert "the partitions are handed over" in (data / "logs" / "worker.log").read_text("utf-8")


def test_the_demo_settles_and_every_sum_is_right(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streams.cli", "demo", "--once"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path / "data", free_port()), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "WRONG" not in result.stdout
    assert "contacts: 2293 published = 2293 decided" in result.stdout
    assert "0 SMS were accepted twice" in result.stdout

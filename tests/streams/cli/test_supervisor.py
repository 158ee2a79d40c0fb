"""Real child processes: restarted when they crash or ask for it, stopped in order, never outliving their supervisor."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from streams.cli.supervisor import Service, Supervisor, last_words

ROOT = Path(__file__).parents[3]


def python(name: str, code: str, grace: float = 5.0) -> Service:
    return Service(name, (sys.executable, "-c", code), grace=grace)


async def until_running_again(supervisor: Supervisor, restarts: int = 1) -> int:
    """Run until the first child runs for the second time (or a later one), then stop it all."""
    running = asyncio.create_task(supervisor.run())
    child = supervisor.children[0]
    while not (child.restarts == restarts and child.state == "running"):  # noqa: ASYNC110 - nothing tells of a state
        await asyncio.sleep(0.01)
    supervisor.stop()
    return await running


def run(supervisor: Supervisor) -> int:
    async def bounded() -> int:
        return await asyncio.wait_for(supervisor.run(), 30)

    return asyncio.run(bounded())


def test_exit_status_2_stops_everything_and_repeats_the_last_line(tmp_path: Path) -> None:
    said: list[str] = []
    steady = python("steady", "import time; time.sleep(60)")
    wrong = python("wrong", "import sys; print('Error: the port is in use', file=sys.stderr); sys.exit(2)")
    supervisor = Supervisor([steady, wrong], tmp_path, said.append)
    assert run(supervisor) == 2
    assert said == [f"wrong cannot run: the port is in use (log: {tmp_path / 'wrong.log'})"]
    assert all(child.state == "stopped" for child in supervisor.children)


def test_status_75_is_started_again_at_once(tmp_path: Path) -> None:
    said: list[str] = []
    code = f"""
import pathlib, sys, time
mark = pathlib.Path({str(tmp_path / "mark")!r})
if mark.exists(): time.sleep(60)
mark.touch(); print("another worker has taken it over"); sys.exit(75)
"""
    supervisor = Supervisor([python("worker", code)], tmp_path, said.append)
    assert asyncio.run(until_running_again(supervisor)) == 0
    assert said == ["worker asked to be started again: another worker has taken it over"]
    assert supervisor.children[0].restarts == 1


def test_a_crash_is_said_and_started_again_after_a_pause(tmp_path: Path) -> None:
    said: list[str] = []
    code = f"""
import os, pathlib, signal, sys, time
mark = pathlib.Path({str(tmp_path / "mark")!r})
if mark.exists(): time.sleep(60)
mark.touch(); os.kill(os.getpid(), signal.SIGKILL)
"""
    supervisor = Supervisor([python("worker", code)], tmp_path, said.append)
    assert asyncio.run(until_running_again(supervisor)) == 0
    assert said[0].startswith("worker ended unasked (killed by SIGKILL); it is started again in 1 s")


def test_what_cannot_run_only_for_a_while_is_tried_again_and_its_words_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    code = f"""
import pathlib, sys, time
marks = [pathlib.Path({str(tmp_path)!r}, name) for name in ("one", "two")]
if marks[1].exists(): time.sleep(60)
if marks[0].exists(): marks[1].touch(); print("Error: no Kafka answers"); sys.exit(2)
marks[0].touch(); sys.exit(70)
"""
    supervisor = Supervisor([python("worker", code)], tmp_path, said.append)
    assert asyncio.run(until_running_again(supervisor, restarts=2)) == 0
    assert said[1].startswith("worker ended unasked: no Kafka answers; it is started again in 2 s")


def test_they_are_stopped_in_reverse_order_each_with_time_to_drain(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code = f"""
import signal, sys
def drain(*_):
    with open({str(trace)!r}, "a") as f: f.write(NAME)
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
print("up", flush=True)
signal.pause()
"""
    services = [python(name, f"NAME = {name!r}\n" + code) for name in ("a", "b", "c")]
    supervisor = Supervisor(services, tmp_path, lambda _: None)

    async def scenario() -> int:
        running = asyncio.create_task(supervisor.run())
        logs = [child.log for child in supervisor.children]
        while not all(log.exists() and log.read_text() == "up\n" for log in logs):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        supervisor.stop()
        return await running

    assert asyncio.run(scenario()) == 0
    assert trace.read_text() == "cba"


def test_one_that_does_not_end_is_killed_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    supervisor = Supervisor([python("deaf", code, grace=0.2)], tmp_path, said.append)

    async def scenario() -> int:
        running = asyncio.create_task(supervisor.run())
        log = supervisor.children[0].log
        while not (log.exists() and log.read_text() == "up\n"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        supervisor.stop()
        return await running

    assert asyncio.run(scenario()) == 0
    assert said[0].startswith("deaf did not end within 0 s and is killed")


def test_children_die_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    child = """
import os, signal
from streams.cli import parent
parent.bind()
print(os.getpid(), flush=True)
signal.pause()
"""
    code = f"""
import asyncio, pathlib, sys
from streams.cli.supervisor import Service, Supervisor
supervisor = Supervisor([Service("child", (sys.executable, "-c", {child!r}))], pathlib.Path({str(tmp_path)!r}), print)
asyncio.run(supervisor.run())
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    log = tmp_path / "child.log"
    while not (log.exists() and log.read_text().endswith("\n")):
        assert parent.poll() is None
    handle = os.pidfd_open(int(log.read_text()))
    try:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        ready, _, _ = select.select([handle], [], [], 10)  # not our child to wait for: readable when it has ended
        assert ready == [handle]
    finally:
        os.close(handle)


def test_last_words_are_the_last_line_that_says_something(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\nError: the disk is full\n\n")
    assert last_words(log) == "the disk is full"
    assert last_words(log, offset=len("old\nError: the disk is full\n")) == ""

"""A worker's name: its own while it runs, and its own again when it comes back."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.setting_error import SettingError
from streams.worker_name import claim

HOLDER = """
import sys, pathlib
from streams.worker_name import claim
held = claim(pathlib.Path(sys.argv[1]), None)
print(held.name, flush=True)
sys.stdin.read()
"""


def test_two_at_once_have_two_names_and_each_returns_to_its_own(tmp_path: Path) -> None:
    with claim(tmp_path, None) as first, claim(tmp_path, None) as second:
        names = [first.name, second.name]
        assert len(set(names)) == 2
    with claim(tmp_path, None) as first, claim(tmp_path, None) as second:
        assert [first.name, second.name] == names


def test_the_name_that_became_free_is_taken_first(tmp_path: Path) -> None:
    first, second = claim(tmp_path, None), claim(tmp_path, None)
    freed = first.name
    first.release()
    with second, claim(tmp_path, None) as third:
        assert third.name == freed


def test_a_killed_worker_leaves_its_name_to_its_successor(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        name = worker.stdout.readline().strip()
        with claim(tmp_path, None) as other:
            assert other.name != name
        worker.kill()
        worker.wait()
        with claim(tmp_path, None) as successor:
            assert successor.name == name


def test_names_of_two_machines_differ(tmp_path: Path) -> None:
    with claim(tmp_path / "one", None) as here, claim(tmp_path / "two", None) as there:
        assert here.name != there.name


def test_a_given_name_is_used_and_cannot_be_had_twice(tmp_path: Path) -> None:
    with claim(tmp_path, "worker-a") as held:
        assert held.name == "worker-a"
        with pytest.raises(SettingError, match="RECADO_WORKER"):
            claim(tmp_path, "worker-a")
    with claim(tmp_path, "worker-a"):
        pass


def test_a_name_cut_short_by_a_crash_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "001").write_text("worker-12", "ascii")
    with claim(tmp_path, None) as held:
        assert held.name.startswith("worker-")
        assert held.name.endswith("-1")


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    data = tmp_path / "file"
    data.write_text("", "ascii")
    with pytest.raises(SettingError, match="RECADO_DATA"):
        claim(data, None)

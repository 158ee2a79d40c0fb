"""Subjects as processes: started, looked at from outside, listened to, ended."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple, Self

ROOT = Path(__file__).parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK = 0.02  # seconds between looks at what a subject has told


class SubjectFailed(Exception):
    """A subject ended or stood still; with the end of what it wrote to standard error."""


class Usage(NamedTuple):
    """CPU seconds since a process began, and its resident memory now, bytes. 0 where there is no /proc."""

    cpu: float
    memory: int

    @staticmethod
    def of(pid: int) -> "Usage":
        """Of one process; nothing of one that has ended."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            return Usage(0.0, 0)
        return Usage((int(stat[11]) + int(stat[12])) / _TICKS, int(stat[21]) * _PAGE)

    @staticmethod
    def total(each: Iterable["Usage"]) -> "Usage":
        """CPU added up, memory of the largest."""
        usages = list(each)
        return Usage(sum(usage.cpu for usage in usages), max((usage.memory for usage in usages), default=0))


@dataclass(frozen=True, slots=True)
class Kind:
    """A program to measure. `prefix` starts it, before the arguments that all take (benchmarks/subjects)."""

    name: str
    prefix: tuple[str, ...]
    guarantee: str
    settings: Mapping[str, str]


def python(module: str, executable: str = sys.executable) -> tuple[str, ...]:
    """What starts a subject written in Python."""
    return (executable, "-m", f"benchmarks.subjects.{module}")


class Subject:
    """One process. `told` holds the last number of each name that it told."""

    def __init__(self, kind: Kind, arguments: Sequence[str], data: Path) -> None:
        data.mkdir(parents=True)
        self.kind = kind
        self.told: dict[str, float] = {}
        self._errors = data.with_suffix(".log")
        settings = [f"{name}={value}" for name, value in kind.settings.items()]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*kind.prefix, *arguments, str(data), *settings],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
            )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def usage(self) -> Usage:
        return Usage.of(self._process.pid)

    def check(self, moving: bool = True) -> None:
        """Raises SubjectFailed if it has ended, or is told to stand still."""
        ended = self._process.poll()
        if ended is None and moving:
            return
        what = "makes no progress" if ended is None else f"ended with status {ended}"
        tail = self._errors.read_text("utf-8", "replace").strip()[-600:]
        raise SubjectFailed(f"{self.kind.name} {what}: {tail or 'it wrote no error'}")

    def wait_for(self, name: str, at_least: float, within: float) -> float:
        """Until it has told so; the number. Raises SubjectFailed."""
        deadline = monotonic() + within
        while self.told.get(name, -1.0) < at_least:
            self.check(monotonic() < deadline)
            sleep(_LOOK)
        return self.told[name]

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as lines:
            for line in lines:
                name, _, number = line.strip().partition(" ")
                try:
                    self.told[name] = float(number)
                except ValueError:
                    continue  # some frameworks greet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it: what it has not committed is not measured."""
        self._process.kill()
        self._process.wait()
        self._listener.join()

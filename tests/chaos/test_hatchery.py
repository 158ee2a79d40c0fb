"""A worker is ended whatever a trap has done to it, and one that does not end says what it said last."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from chaos.hatchery import Hatchery, Worker
from chaos.points import Trap
from chaos.processes import RunBroken

FREEZE = Trap("before commit", 1, "freeze")


class Stopped(Hatchery):
    """Whose one worker is stopped, or is once it was signalled: it ends when it is let go, and of SIGKILL."""

    def __init__(self, freezes: Trap | None = None) -> None:
        super().__init__(6.0)
        self.freezes, self.signals = freezes, list[int]()

    def order(self, what: Mapping[str, Any]) -> None:
        self.signals.append(what["signal"])

    def look(self, seconds: float = 0.0) -> None:
        if self.freezes is not None:
            self._heed({"name": "worker-1", "struck": list(self.freezes)})
            self.freezes = None
        elif self.signals[-1] in (signal.SIGCONT, signal.SIGKILL):
            self._heed({"name": "worker-1", "ended": 0})


def worker_of(hatchery: Hatchery, place: Path) -> Worker:
    worker = Worker("worker-1", {}, place / "log", place / "state", place / "traps", hatchery, running=True)
    hatchery.workers["worker-1"] = worker
    return worker


def test_one_that_a_trap_has_frozen_is_let_go_to_end(tmp_path: Path) -> None:
    hatchery = Stopped()
    worker = worker_of(hatchery, tmp_path)
    worker.thaws_at = 1e9
    assert worker.end(signal.SIGTERM, within=5.0) is None
    assert not worker.running
    assert worker.thaws_at is None, "nobody is to let go later what runs anew by then"


def test_one_that_is_frozen_on_its_way_to_the_end_is_let_go_too(tmp_path: Path) -> None:
    hatchery = Stopped(freezes=FREEZE)
    worker = worker_of(hatchery, tmp_path)
    worker.trap = FREEZE
    assert worker.end(signal.SIGTERM, within=5.0) is None
    assert worker.sprung == FREEZE, "to be counted"
    assert hatchery.signals == [signal.SIGTERM, signal.SIGCONT]


def test_one_that_does_not_end_says_what_it_said_last(tmp_path: Path) -> None:
    worker = worker_of(Stopped(), tmp_path)
    worker.log.write_text("stopping: calls under way are answered")
    with pytest.raises(RunBroken, match="worker-1 did not end of signal 15 within 0 s: stopping: calls"):
        worker.end(signal.SIGTERM, within=0.0)


def test_one_that_reads_its_trap_while_another_is_laid_reads_one_or_the_other(tmp_path: Path) -> None:
    """Seed 81: a file cut off under the handler's eyes raised in the decider that was at work, and a sound record was
    buried for it."""
    worker = worker_of(Stopped(), tmp_path)
    worker.arm(FREEZE)
    with worker.traps.open("rb") as reading:
        worker.arm(FREEZE._replace(passes=7))
        assert orjson.loads(reading.read()) == list(FREEZE)
    assert orjson.loads(worker.traps.read_bytes()) == ["before commit", 7, "freeze"]

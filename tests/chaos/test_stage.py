"""Traps come by everybody in the end, also where a worker has nothing to do."""

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, cast

from chaos.hatchery import Hatchery, Worker
from chaos.points import Deck, Trap
from chaos.processes import Site
from chaos.stage import PATIENCE, Stage

FENCE = Trap("before fence", 1, "kill")


class Obedient(Hatchery):
    """Whose workers end of any signal."""

    def __init__(self) -> None:
        super().__init__(6.0)
        self.orders: list[tuple[str, list[object] | None]] = []
        self.dying: list[str] = []

    def order(self, what: Mapping[str, Any]) -> None:
        if "signal" not in what:
            self.orders.append((what["name"], what["trap"]))
        elif what["signal"] == 9:
            self.dying.append(what["name"])

    def look(self, seconds: float = 0.0) -> None:
        for name in self.dying:
            self._heed({"name": name, "ended": -9})
        self.dying.clear()


def worker_of(hatchery: Hatchery, name: str, place: Path, owned: list[int], trap: Trap | None) -> Worker:
    worker = Worker(name, {}, place / "log", place / "state", place / f"{name}.trap", hatchery, True, True)
    worker.owned, worker.trap, worker.owned_since = owned, trap, time.monotonic() - PATIENCE - 1
    hatchery.workers[name] = worker
    return worker


def test_a_trap_that_waits_for_a_take_over_goes_to_a_worker_that_has_something_to_take_over(tmp_path: Path) -> None:
    hatchery = Obedient()
    idle = worker_of(hatchery, "worker-1", tmp_path, [], FENCE)
    busy = worker_of(hatchery, "worker-2", tmp_path, [0, 1, 2, 3], None)
    stage = Stage(cast("Site", None), hatchery, Random(1), Deck(deque(), 1), 4, workers=[idle, busy])
    stage.tend()
    assert hatchery.orders == [("worker-2", list(FENCE))]
    assert (idle.running, idle.trap, busy.trap) == (True, None, FENCE)


def test_a_trap_that_waited_in_vain_strikes_at_the_first_pass(tmp_path: Path) -> None:
    """A worker with one partition has one fence: a trap for the second would come back for ever."""
    hatchery = Obedient()
    busy = worker_of(hatchery, "worker-1", tmp_path, [2], Trap("after fence", 2, "fault"))
    stage = Stage(cast("Site", None), hatchery, Random(1), Deck(deque(), 1), 4, workers=[busy])
    stage.tend()
    assert busy.trap == Trap("after fence", 1, "fault")


def test_one_that_owns_something_is_killed_for_its_own_trap(tmp_path: Path) -> None:
    hatchery = Obedient()
    busy = worker_of(hatchery, "worker-1", tmp_path, [0, 1], FENCE)
    other = worker_of(hatchery, "worker-2", tmp_path, [2, 3], None)
    stage = Stage(cast("Site", None), hatchery, Random(1), Deck(deque(), 1), 4, workers=[busy, other])
    stage.tend()
    assert hatchery.orders == [("worker-1", list(FENCE))]
    assert stage.kills == 1


def test_one_that_was_struck_a_moment_ago_gets_no_trap_with_which_it_would_go(tmp_path: Path) -> None:
    hatchery = Obedient()
    dying = worker_of(hatchery, "worker-1", tmp_path, [0, 1], None)
    dying.sprung = Trap("before begin", 1, "kill")
    deck = Deck(deque([FENCE]), 2)
    stage = Stage(cast("Site", None), hatchery, Random(1), deck, 4, workers=[dying])
    stage.arm()
    assert list(deck.left) == [FENCE]
    dying.running = False
    stage.tend()
    assert hatchery.orders == [("worker-1", list(FENCE))]
    assert deck.struck.total() == 1


def test_one_that_is_struck_while_it_is_stopped_is_not_started_behind_the_fault_s_back(tmp_path: Path) -> None:
    hatchery = Obedient()
    stopping = worker_of(hatchery, "worker-1", tmp_path, [0, 1], None)
    stopping.sprung, stopping.running, stopping.wanted = Trap("before begin", 1, "kill"), False, False
    deck = Deck(deque([FENCE]), 2)
    stage = Stage(cast("Site", None), hatchery, Random(1), deck, 4, workers=[stopping])
    stage.tend()
    assert hatchery.orders == []
    assert deck.struck.total() == 1
    assert stopping.sprung is None


def test_a_trap_that_was_lost_is_laid_again(tmp_path: Path) -> None:
    deck = Deck.drawn(Random(1), 2)
    lost = deck.take()
    assert lost is not None
    while (trap := deck.take()) is not None:
        deck.sprung(trap)
    assert deck.short == {lost.point: 1}
    assert deck.refill()
    assert deck.take() == Trap(lost.point, 1, "kill")

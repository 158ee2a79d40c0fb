"""What is done to workers, their broker and their connections, and when. A further fault is a line in FAULTS."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any, Final, Literal, NamedTuple

from chaos.hatchery import Worker
from chaos.points import Trap
from chaos.proxy import Ill
from chaos.stage import BEYOND, MOST, PROVIDER, SESSION, Stage

Needs = Literal["", "broker", "proxy", "another"]
ZOMBIES: Final = ("before begin", "after begin", "after journal append", "after changelog append", "before commit")


class Fault(NamedTuple):
    """One kind of fault. `inject` says whether it could be done; `needs` what must be there for it."""

    inject: Callable[[Stage, Worker], bool]
    needs: Needs = ""


def _kill(stage: Stage, worker: Worker) -> bool:
    stage.kill(worker)
    stage.start(worker)
    return True


def _kill_and_delete(stage: Stage, worker: Worker) -> bool:
    stage.kill(worker)
    stage.delete_state(worker)
    stage.start(worker)
    return True


def _terminate(stage: Stage, worker: Worker) -> bool:
    """A planned stop. Where another is there to take over, nothing else happens meanwhile, and it is timed; not where a
    trap that was on its way struck somebody all the same."""
    timed = bool(stage.others(worker)) and stage.calm() and bool(worker.owned)
    given_up, asked, lost = set(worker.owned or ()), time.time(), stage.lost
    worker.wanted = False
    worker.send_signal(signal.SIGTERM)
    if timed:
        others = stage.others(worker)

        def taken() -> bool:
            new = {p for other in others if other.owned_at > asked for p in other.owned or ()}
            return given_up <= new

        there = stage.until(taken, 30)
        if stage.lost == lost:
            stage.handovers.append(max(other.owned_at for other in others) - asked if there else inf)
    stage.end(worker, signal.SIGTERM)
    stage.start(worker)
    stage.arm()
    return True


def _freeze(stage: Stage, worker: Worker) -> bool:
    """Longer than its session, so that its partitions go to another while it still believes in them."""
    worker.send_signal(signal.SIGSTOP)
    stage.lost += 1
    stage.pause(BEYOND)
    worker.send_signal(signal.SIGCONT)
    return True


def _zombie(stage: Stage, worker: Worker) -> bool:
    """Frozen inside a commit until another has recovered its partitions, and awake before that one begins."""
    if not stage.calm() or not worker.owned:
        return False
    others, lost = stage.others(worker), set(worker.owned)
    point = stage.random.choice(ZOMBIES)
    done = False
    try:
        if stage.sprung(worker, Trap(point, 1, "freeze"), 20):
            stage.lost += 1
            traps = [Trap("after recovery", 1, "freeze")] * len(others)
            for other, trap in zip(others, traps, strict=True):
                other.held = True
                stage.deck.put_back(other.arm(trap))
            done = stage.until(lambda: any(other.sprung for other in others), SESSION * 3)
            # Where nothing keeps it from committing, it is held before the group hears of it again.
            worker.sprung = None
            worker.arm(Trap("after commit", 1, "freeze"))
            worker.send_signal(signal.SIGCONT)
            if stage.until(lambda: worker.sprung is not None or not worker.running, 1.5) and worker.running:
                for other in others:
                    other.arm(None)
                    other.send_signal(signal.SIGCONT)
                stage.until(lambda: any(lost <= set(other.owned or ()) for other in others), SESSION / 2)
                stage.pause(0.5)
    finally:
        for each in (worker, *others):
            each.held, each.sprung = False, None
            each.arm(None)
            each.send_signal(signal.SIGCONT)
    stage.until(lambda: lost <= {p for each in stage.workers for p in each.owned or ()}, 20)
    stage.arm()
    return done


# --- the broker ----------------------------------------------------------------------------------------------------


def _restarted(killed: bool) -> Callable[[Stage, Worker], bool]:
    def inject(stage: Stage, worker: Worker) -> bool:
        if stage.broker is None:
            return False
        stage.broker.restart(killed=killed)
        return True

    return inject


def _refusing(seconds: float) -> Callable[[Stage, Worker], bool]:
    def inject(stage: Stage, worker: Worker) -> bool:
        if stage.broker is None:
            return False
        stage.broker.refuse(stage.site.prefix, refusing=True)
        try:
            stage.pause(seconds)
        finally:
            stage.broker.refuse(stage.site.prefix, refusing=False)
        return True

    return inject


# --- connections ---------------------------------------------------------------------------------------------------


def _ill(ill: Ill, seconds: float, route: str = "") -> Callable[[Stage, Worker], bool]:
    """Of the worker with its broker, or of all with the provider."""

    def inject(stage: Stage, worker: Worker) -> bool:
        struck = route or worker.name
        if stage.proxy is None or struck not in stage.proxy.routes:
            return False
        stage.lost += 1
        stage.proxy.suffer(struck, ill, seconds)
        stage.pause(seconds)
        return True

    return inject


# --- more and fewer workers ----------------------------------------------------------------------------------------


def _added(stage: Stage, worker: Worker) -> bool:
    if sum(each.wanted for each in stage.workers) >= MOST:
        return False
    idle = next((each for each in stage.workers if not each.wanted), None)
    stage.start(idle or stage.hire())
    return True


def _removed(stage: Stage, worker: Worker) -> bool:
    if not worker.wanted or not stage.others(worker):
        return False
    stage.end(worker, signal.SIGTERM)
    return True


FAULTS: Final[Mapping[str, Fault]] = {
    "SIGKILL": Fault(_kill),
    "SIGKILL, state deleted": Fault(_kill_and_delete),
    "SIGTERM": Fault(_terminate),
    "SIGSTOP beyond the session": Fault(_freeze),
    "SIGSTOP inside a commit": Fault(_zombie, "another"),
    "worker added": Fault(_added),
    "worker removed": Fault(_removed),
    "broker stopped and started": Fault(_restarted(False), "broker"),
    "broker killed and started": Fault(_restarted(True), "broker"),
    "writes refused for 3 s": Fault(_refusing(3.0), "broker"),
    "writes refused for 45 s": Fault(_refusing(45.0), "broker"),
    "connections dropped": Fault(_ill("drop", 0.0), "proxy"),
    "connections late for 3 s": Fault(_ill("delay", 3.0), "proxy"),
    "connections stalled for 3 s": Fault(_ill("stall", 3.0), "proxy"),
    "connections stalled beyond the session": Fault(_ill("stall", BEYOND), "proxy"),
    "connections refused for 2 s": Fault(_ill("refuse", 2.0), "proxy"),
    "provider's connections dropped": Fault(_ill("drop", 0.0, PROVIDER), "proxy"),
    "provider stalled for 2 s": Fault(_ill("stall", 2.0, PROVIDER), "proxy"),
    "provider refuses for 1 s": Fault(_ill("refuse", 1.0, PROVIDER), "proxy"),
}
KILLS: Final[Mapping[str, int]] = {"SIGKILL": 2, "SIGKILL, state deleted": 1}
ALL: Final[Mapping[str, int]] = {
    "SIGKILL": 50, "SIGKILL, state deleted": 25, "SIGTERM": 20, "SIGSTOP beyond the session": 6,
    "SIGSTOP inside a commit": 6, "worker added": 12, "worker removed": 12,
    "broker stopped and started": 5, "broker killed and started": 5, "writes refused for 3 s": 8,
    "writes refused for 45 s": 1, "connections dropped": 15, "connections late for 3 s": 6,
    "connections stalled for 3 s": 6, "connections stalled beyond the session": 3, "connections refused for 2 s": 6,
    "provider's connections dropped": 8, "provider stalled for 2 s": 4, "provider refuses for 1 s": 2,
}  # fmt: skip


Moment = Literal["busy", "calling", "starting"]
MOMENTS: Final[Mapping[Moment, int]] = {"busy": 4, "calling": 3, "starting": 3}


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault at its moment: `busy`, behind `share` of a wave's records and `delay` seconds later; `calling`, at that
    place as soon as calls are under way; `starting`, `delay` seconds after the worker was last started, which is most
    often before it has taken over."""

    fault: str
    worker: int
    moment: Moment
    share: float
    delay: float


def possible(weights: Mapping[str, int], *, broker: bool, proxy: bool, workers: int) -> dict[str, int]:
    """The kinds that can be injected in a run that owns this much."""
    there = {"": True, "broker": broker, "proxy": proxy, "another": workers > 1}
    return {kind: weight for kind, weight in weights.items() if there[FAULTS[kind].needs]}


def schedule(random: Random, blows: int, workers: int, weights: Mapping[str, int]) -> Sequence[Blow]:
    """So many faults, drawn by weight; each kind comes at least once if there are enough, and so does each moment."""

    def drawn(weights: Mapping[Any, int]) -> list[Any]:
        kinds = list(weights)
        chosen = [*kinds, *random.choices(kinds, list(weights.values()), k=max(0, blows - len(kinds)))][:blows]
        random.shuffle(chosen)
        return chosen

    longest: Mapping[Moment, float] = {"busy": 0.06, "calling": 0.0, "starting": 1.5}
    return [
        Blow(fault, random.randrange(workers), moment, random.random(), random.random() * longest[moment])
        for fault, moment in zip(drawn(weights), drawn(MOMENTS), strict=True)
    ]

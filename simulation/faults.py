"""What strikes when: a plan drawn from the seed before the run, and the counts of what really struck."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, NamedTuple

from simulation.points import POINTS, REBUILDING, SUDDEN, Point

HORIZON: Final = 14_000  # ms of the run in which planned faults strike

Blow = Literal["kill", "freeze", "fault"]
Deed = Literal["kill a worker", "freeze a worker", "rebalance", "planned stop", "worker added", "all killed"]
_CALLS: Final = frozenset(point for point in POINTS if point.endswith(" call"))  # no carrier may raise: ports.Provider


class Trap(NamedTuple):
    """The first worker that passes a point at or after a time is struck there; `ms` is how long it stays frozen."""

    at: int
    blow: Blow
    ms: int


class Planned(NamedTuple):
    """Something that happens at a time, wherever the workers are."""

    at: int
    deed: Deed
    ms: int


@dataclass(slots=True)
class Plan:
    """`traps` by point, each list the earliest last."""

    traps: dict[str, list[Trap]] = field(default_factory=dict)
    deeds: list[Planned] = field(default_factory=list)


@dataclass(slots=True)
class Struck:
    """What happened in a run: faults by their kind, and for each point how often it was passed and struck."""

    kinds: Counter[str] = field(default_factory=Counter)
    passed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POINTS, 0))
    blows: dict[Blow, Counter[str]] = field(
        default_factory=lambda: {"kill": Counter(), "freeze": Counter(), "fault": Counter()}
    )


def frozen_for(random: Random) -> int:
    """Mostly longer than a session, sometimes just longer than a lease."""
    return random.randrange(500, 7_000) if random.random() < 0.3 else random.randrange(8_000, 30_000)


_AIMS: Final = POINTS + tuple(point for point in POINTS if "bulk" in point) * 3
"""Calls for several are few, so they are aimed at more often."""


def _blow(random: Random, point: Point) -> Blow:
    chance = random.random()
    if chance < 0.5 or (point in SUDDEN and chance < 0.75):
        return "kill"
    if chance < 0.75:
        return "freeze"
    return "kill" if point in _CALLS else "fault"


_DEEDS: Final[tuple[Deed, ...]] = (
    "kill a worker", "freeze a worker", "freeze a worker", "rebalance", "rebalance", "planned stop", "worker added",
    "all killed",
)  # fmt: skip


def plan(random: Random, begin: int) -> Plan:
    """Three to eight heavy faults; the light ones (fetches, answers, receipts) are drawn as they happen."""
    made = Plan()
    for _ in range(random.randrange(3, 9)):
        at = begin + random.randrange(HORIZON)
        if random.random() < 0.75:
            point = random.choice(_AIMS)
            if point not in REBUILDING:
                made.traps.setdefault(point, []).append(Trap(at, _blow(random, point), frozen_for(random)))
        else:
            made.deeds.append(Planned(at, random.choice(_DEEDS), frozen_for(random)))
    for traps in made.traps.values():
        traps.sort(reverse=True)
    made.deeds.sort()
    return made


def rebuild_trap(random: Random) -> dict[str, list[Trap]]:
    """For the drill in which the journal alone is left: now and then a worker dies in the middle of it."""
    if random.random() >= 0.6:
        return {}
    point = random.choice(sorted(REBUILDING))
    return {point: [Trap(0, "kill", 0)]}

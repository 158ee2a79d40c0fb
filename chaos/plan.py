"""The size of a run, and what it came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.checker import Verdict
from chaos.faults import KILLS
from chaos.points import Deed, Trap


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run. `weights` name the faults to draw from (faults.FAULTS); `strikes` is how often each crash
    point (points.POINTS) is to be hit; `latency` is the provider's, seconds; `provider_faults` are the simulator's,
    beside those of its callbacks. `mutant` is a deliberate mistake in the workers; `traps` replace `strikes`.
    """

    seed: int
    blows: int = 10
    events: int = 3_000
    contacts: int = 300
    partitions: int = 4
    workers: int = 1
    latency: float = 0.02
    weights: Mapping[str, int] = field(default_factory=lambda: KILLS)
    strikes: int = 0
    provider_faults: Sequence[Mapping[str, Any]] = ()
    mutant: str | None = None
    traps: Sequence[Trap] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `blows` are faults injected, by kind, `points` strikes by crash point and deed, `ended` exit
    statuses of workers that ended by themselves, `left_out` kinds of faults that this run could not inject."""

    plan: Plan
    verdict: Verdict
    blows: Mapping[str, int]
    points: Mapping[tuple[str, Deed], int]
    kills: int
    ended: Sequence[int]
    handovers: Sequence[float]
    left_out: Sequence[str]
    figures: Mapping[str, int]
    seconds: float

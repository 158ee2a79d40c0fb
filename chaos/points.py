"""Where a worker is struck: the simulation's points, and two that only real machinery has.

A worker that is started with a trap is struck when it passes the trap's point for the so-manieth time. Only workers
that a chaos run starts can be: chaos/worker.py wires it in, and the product knows nothing of it.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, NamedTuple

from simulation.points import POINTS as SIMULATED
from simulation.points import REBUILDING

Deed = Literal["kill", "freeze", "fault"]
"""SIGKILL; SIGSTOP for longer than a session; an error of the machinery, which ends the process."""

POINTS: Final[tuple[str, ...]] = (
    *(point for point in SIMULATED if point not in REBUILDING),
    "inside commit",  # the end of the transaction is asked for, and not yet answered
    "before answer append",
)
WITHOUT_FAULT: Final = frozenset(  # where a carrier may not raise
    ("before call", "inside call", "after call", "before bulk call", "inside bulk call", "after bulk call")
)
OFTEN: Final[dict[str, int]] = {  # passes among which the seed chooses, where there are many a second
    "before call": 12, "inside call": 12, "after call": 12,
    "before answer append": 12, "inside answer append": 12, "after answer append": 12,
    "before bulk call": 2, "inside bulk call": 2, "after bulk call": 2,
    "before fence": 2, "after fence": 2, "inside recovery": 2, "after recovery": 2,
    "before moved append": 3, "after moved append": 3, "before dead letters append": 2, "after dead letters append": 2,
}  # fmt: skip
FEW: Final = 8
FROZEN: Final = 0.02  # of all strikes: each takes longer than a session
FAULTS: Final = 0.1


class Trap(NamedTuple):
    """What strikes a worker: at this point, at this pass, in this way."""

    point: str
    passes: int
    deed: Deed


@dataclass(slots=True)
class Deck:
    """The traps of a run, in the order in which workers are given them. One that was not reached comes again."""

    left: deque[Trap] = field(default_factory=deque)
    given: int = 0  # at first
    wanted: Counter[str] = field(default_factory=Counter)  # strikes at each point
    struck: Counter[tuple[str, Deed]] = field(default_factory=Counter)

    @classmethod
    def drawn(cls, random: Random, each: int) -> "Deck":
        """So many strikes at each point, in an order and in ways that the seed chooses."""
        points = [point for point in POINTS for _ in range(each)]
        random.shuffle(points)
        traps = deque(
            Trap(point, 1 + random.randrange(OFTEN.get(point, FEW)), _deed(random, point)) for point in points
        )
        return cls(traps, len(traps), Counter(points))

    def take(self) -> Trap | None:
        """The next one, or None where none is left."""
        return self.left.popleft() if self.left else None

    def put_back(self, trap: Trap | None) -> None:
        if trap is not None:
            self.left.append(trap)

    def sprung(self, trap: Trap) -> None:
        self.struck[trap.point, trap.deed] += 1

    @property
    def short(self) -> Counter[str]:
        """Points that were struck less often than they should be, and how often that is."""
        struck: Counter[str] = Counter()
        for (point, _), times in self.struck.items():
            struck[point] += times
        return self.wanted - struck

    def refill(self) -> bool:
        """Where a trap was lost on its way, another in its place. Was one?"""
        self.left.extend(Trap(point, 1, "kill") for point in self.short.elements())
        return bool(self.left)

    @property
    def share(self) -> float:
        """How much of it has struck, 0 to 1."""
        return min(1.0, self.struck.total() / self.given) if self.given else 1.0


def _deed(random: Random, point: str) -> Deed:
    chance = random.random()
    if chance < FROZEN:
        return "freeze"
    return "fault" if chance < FROZEN + FAULTS and point not in WITHOUT_FAULT else "kill"

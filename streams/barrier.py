"""What must have been read before timers fire: docs/adr/012-barrier-across-topics.md.

A send that waits is decided anew when its timer is due. What lay in the other topics by then counts: an unsubscribe
behind an import, or one that came while nobody owned the partition.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from events.topics import Role

Heads = Callable[[], Awaitable[Mapping[Role, int]]]
"""The ends that a partition's other topics have now, what is not committed yet included."""

LOOK_AGAIN: Final = 250  # ms: between two looks at what only time or another topic can lift, and between two questions


async def nothing_ahead() -> Mapping[Role, int]:
    """Heads of a pipeline that nothing is written to from outside."""
    return {}


class Barrier:
    """One partition's. `again` is when to look at timers that are held up, ms; 0 where none are.

    One question covers the timers that were due when it was asked, and its answer is waited for to the end, so that
    a steady stream of updates holds nothing up for ever.
    """

    def __init__(self, heads: Heads, patience: int) -> None:
        """`patience` is how long what lies ahead may hold up a transactional timer, ms."""
        self.again = 0
        self._heads = heads
        self._patience = patience
        self._ends: Mapping[Role, int] | None = None  # waited for
        self._asked_at = 0  # of the question that was answered last, or is waited for
        self._cleared = -1  # timers due up to then may fire

    async def passed(self, due: int, now: int, read: Callable[[Mapping[Role, int]], bool]) -> tuple[int, int]:
        """Up to which due times transactional timers and newsletters' may fire now, the first being due at `due`;
        `read` says whether all up to some ends has been read."""
        self._lift(read)
        if self._ends is None and (due > self._cleared or now - self._asked_at >= LOOK_AGAIN):
            self._ends, self._asked_at = await self._heads(), now
            self._lift(read)
        self.again = now + LOOK_AGAIN if due > self._cleared else 0
        if self._ends is None or now - self._asked_at < self._patience:
            return self._cleared, self._cleared
        return max(self._cleared, now - self._patience), self._cleared

    def _lift(self, read: Callable[[Mapping[Role, int]], bool]) -> None:
        if self._ends is not None and read(self._ends):
            self._ends, self._cleared = None, self._asked_at

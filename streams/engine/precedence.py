"""Who goes first in a worker: while a transactional send is on its way to its call, everything else stands still.

A campaign keeps the event loop busy in slices of some milliseconds, and the way of a send has some twenty turns of that
loop: without this, each of them waits for a slice of every partition.
"""

import asyncio
from contextlib import suppress
from typing import Final

LONGEST: Final = (
    0.05  # seconds that a partition stands still at a time; then it works for a slice, so that none starves
)
ENDS_AFTER: Final = 0.25  # seconds; a send that waits for more than the worker's time needs nobody to stand still


class Precedence:
    """The partitions that go first at present, and of these the ones whose send has arrived. For one event loop."""

    def __init__(self) -> None:
        self._first: dict[int, asyncio.TimerHandle] = {}
        self._arrived: set[int] = set()
        self._news = asyncio.Event()

    def begin(self, partition: int) -> None:
        """A transactional send of this partition was fetched: it will arrive at its pipeline in a moment."""
        self._forget(partition)
        self._first[partition] = asyncio.get_running_loop().call_later(ENDS_AFTER, self.end, partition)

    def arrived(self, partition: int) -> None:
        """Its pipeline has it."""
        if partition in self._first:
            self._arrived.add(partition)
            self._tell()

    def went_on(self, partition: int, *, left: bool) -> None:
        """Its pipeline took a step. Unless sends are `left` that it can go on with, nobody stands still for it now."""
        if partition in self._arrived and not left:
            self.end(partition)

    def end(self, partition: int) -> None:
        """It is on its way to the provider, or waits for something else."""
        if partition in self._first:
            self._forget(partition)
            self._tell()

    def clear(self) -> None:
        """Nobody goes first any more: everything is to come to its end."""
        for partition in tuple(self._first):
            self.end(partition)

    async def give_way(self, partition: int) -> None:
        """Between two slices of a partition's work: let others go on, and those that go first to their end."""
        await asyncio.sleep(0)
        if self._first and partition not in self._arrived:
            await self.stand_still(partition)

    async def stand_still(self, partition: int | None = None) -> None:
        """Until all that go first have come to their end, or `partition` is one of them; or for as long as may be."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                while self._first and partition not in self._arrived:
                    await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _forget(self, partition: int) -> None:
        self._arrived.discard(partition)
        timer = self._first.pop(partition, None)
        if timer is not None:
            timer.cancel()

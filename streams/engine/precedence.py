"""Who goes first in a worker: while a transactional send is on its way to its call, everything else stands still.

A campaign keeps the event loop busy in slices of some milliseconds, and the way of a send has some twenty turns of that
loop: without this, each of them waits for a slice of every partition.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

LONGEST: Final = 0.05  # seconds that anything stands still at a time; then it works for a slice, so that none starves
ENDS_AFTER: Final = 0.25  # seconds; a send that waits for more than the worker's time needs nobody to stand still


def never() -> bool:
    """Who goes first itself, ever?"""
    return False


class Precedence:
    """The partitions that go first at present, and of these the ones whose newest send has not arrived yet. For one
    event loop."""

    def __init__(self) -> None:
        self._first: dict[int, asyncio.TimerHandle] = {}
        self._coming: set[int] = set()
        self._news = asyncio.Event()

    def begin(self, partition: int) -> None:
        """A transactional send of this partition was fetched: it will arrive at its pipeline in a moment."""
        self._forget(partition)
        self._first[partition] = asyncio.get_running_loop().call_later(ENDS_AFTER, self.end, partition)
        self._coming.add(partition)

    def arrived(self, partition: int) -> None:
        """Its pipeline has it."""
        self._coming.discard(partition)
        self._tell()

    def went_on(self, partition: int, *, left: bool) -> None:
        """Its pipeline took a step. Unless sends are `left` that it can go on with, or one is coming, nobody stands
        still for it now."""
        if not left and partition not in self._coming:
            self.end(partition)

    def end(self, partition: int) -> None:
        """What was fetched is on its way to the provider, waits for something else, or was dropped."""
        if partition in self._first:
            self._forget(partition)
            self._tell()

    def clear(self) -> None:
        """Nobody goes first any more: everything is to come to its end."""
        for partition in tuple(self._first):
            self.end(partition)

    async def stand_still(self, unless: Callable[[], bool] = never) -> None:
        """Until all that go first have come to their end, or one goes first oneself (`unless`), or the time is over."""
        if not self._first or unless():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                while self._first and not unless():
                    await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _forget(self, partition: int) -> None:
        self._coming.discard(partition)
        timer = self._first.pop(partition, None)
        if timer is not None:
            timer.cancel()

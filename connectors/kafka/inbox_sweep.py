"""Inbox keys that have outlived what they sealed: found, and destroyed when nothing of it waits to be decided."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka.inbox_keys import InboxKeys, destroy
from events.inbox import DAY
from events.topics import FORGOTTEN_MS

log = logging.getLogger(__name__)

EVERY: Final = 3_600.0  # seconds


def all_written(day: int) -> int:
    """By when, ms, all records have been written that a key of this day sealed. What was sealed right before midnight
    bears the time at which it was written, which may be the next day's."""
    return (day + 2) * DAY


class InboxSweep:
    """`inputs` are the topics whose records may be sealed with inbox keys, and `group` the consumer group whose offsets
    tell how far they are decided; `mine` says whether this process is the one that sweeps."""

    def __init__(
        self, keys: InboxKeys, topic: str, client: Mapping[str, Any], inputs: Collection[str], partitions: int,
        group: str, clock: Callable[[], int], mine: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._keys = keys
        self._topic = topic
        self._client = client
        self._tps = [TopicPartition(name, number) for name in inputs for number in range(partitions)]
        self._group = group
        self._clock = clock
        self._mine = mine
        self._told: list[tuple[int, list[str]]] = []  # when keys were destroyed, and which

    async def run(self) -> None:
        """Sweep once an hour until cancelled. A broker that does not answer is asked again the next time."""
        while True:
            await asyncio.sleep(EVERY)
            if self._mine():
                try:
                    await self.once()
                except KafkaError as error:
                    log.warning("inbox keys were not swept: %s", type(error).__name__)

    async def once(self) -> list[str]:
        """Destroy what may go now; return the names. Raises KafkaError."""
        now = self._clock()
        outlived = self._keys.outlived(now)
        names = [name for at, told in self._told if now - at > FORGOTTEN_MS for name in told]
        self._told = [(at, told) for at, told in self._told if now - at <= FORGOTTEN_MS]
        if names:  # once more, as the broker compacts only what it does not write to any more
            await destroy(self._topic, self._client, names)
        names = []
        for last in sorted({day for day, _ in outlived}):
            if not await self._decided(all_written(last)):
                log.warning("inbox keys of day %d are kept: records of that day are not decided yet", last)
                break
            names += [name for day, name in outlived if day == last]
        if names:
            await destroy(self._topic, self._client, names)
            self._told.append((now, names))
        return names

    async def _decided(self, until: int) -> bool:
        """Is everything decided that was written before this time, ms?"""
        consumer = AIOKafkaConsumer(group_id=self._group, enable_auto_commit=False, **self._client)
        await consumer.start()
        try:
            consumer.assign(self._tps)
            first = await consumer.offsets_for_times(dict.fromkeys(self._tps, until))
            ends = await consumer.end_offsets(self._tps)
            for tp in self._tps:
                later = first.get(tp)
                wanted = ends[tp] if later is None else later.offset
                if wanted and (await consumer.committed(tp) or 0) < wanted:
                    return False
            return True
        finally:
            await consumer.stop()

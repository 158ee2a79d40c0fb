"""Reading a partition's changelog or journal to its end, by whole fetches, outside the consumer group."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka import consumers
from connectors.kafka.headers import as_it_lies, read_any_name
from connectors.ports import MachineryFault, Record
from events.topics import Role

TURNS = 5  # of the event loop, in which the client asks for the next fetch


class Bounds:
    """Asks for first and last positions over connections of its own.

    A broker answers one connection's requests in their order, so that a question behind a fetch waits as long as the
    fetch does.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._consumer = AIOKafkaConsumer(isolation_level="read_committed", enable_auto_commit=False, **client)
        self._uncommitted = AIOKafkaConsumer(isolation_level="read_uncommitted", enable_auto_commit=False, **client)

    async def open(self) -> None:
        await asyncio.gather(self._consumer.start(), self._uncommitted.start())
        await asyncio.sleep(0)  # aiokafka: stopped before its tasks have begun, it raises CancelledError at its owner

    async def close(self) -> None:
        await asyncio.gather(consumers.close(self._consumer), consumers.close(self._uncommitted))

    async def ends(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The last stable position of each. Raises aiokafka's KafkaError."""
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(list(partitions))
        return ends

    async def heads(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The position behind the last record of each, committed or not. Raises aiokafka's KafkaError.

        A transaction that is still open (a record on its way here from a wrong partition) hides what others wrote
        behind it, an unsubscribe say, from `ends`: a reader that waits for all that lies there waits for this.
        """
        heads: Mapping[TopicPartition, int] = await self._uncommitted.end_offsets(list(partitions))
        return heads

    async def begins(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The first position of each that retention has left."""
        begins: Mapping[TopicPartition, int] = await self._consumer.beginning_offsets(list(partitions))
        return begins


class Reader:
    """Reads partitions of one topic, committed records only, each up to the end it had when asked."""

    def __init__(self, topics: Mapping[Role, str], client: Mapping[str, Any]) -> None:
        read_any_name()
        self._topics = topics
        self._consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            key_deserializer=as_it_lies,
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=100,
            **client,
        )

    async def open(self) -> None:
        await self._consumer.start()
        await asyncio.sleep(0)  # aiokafka: stopped before its tasks have begun, it raises CancelledError at its owner

    async def close(self) -> None:
        await consumers.close(self._consumer)

    async def read(
        self, role: Role, partition: int, start: int, end: int
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield (records, next position) until `end` is reached.

        Markers move the position without a record, so the end is judged by the position alone.
        """
        if start >= end:
            return
        topic = self._topics[role]
        tp = TopicPartition(topic, partition)
        consumer = self._consumer
        consumer.assign([tp])
        consumer.seek(tp, start)
        stalled = 0
        while (position := await consumer.position(tp)) < end:
            batch = await consumer.getmany(tp, timeout_ms=1000)
            records = batch.get(tp, [])
            after = await consumer.position(tp)
            stalled = 0 if after > position else stalled + 1
            if stalled > 60:
                raise MachineryFault(f"{topic}[{partition}] has not moved from {position} towards {end} for a minute")
            if records or after > position:
                for _ in range(TURNS):  # who folds these gives way to nobody meanwhile
                    await asyncio.sleep(0)
                yield records, after

"""Reads the journal for the read model: every partition, committed facts only, from the offsets in the database.

There is no consumer group: the offsets live beside the rows, in one transaction with them. A fault stops the reader
with an error; started again, it goes on exactly where the rows end.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError, OperationalError

from connectors.kafka import consumers
from connectors.kafka.errors import BrokerUnavailable
from connectors.readmodel import database, schema
from connectors.readmodel.writer import JournalUnusable, Slice, write
from events.fact import Fact

_LOG: Final = logging.getLogger(__name__)
_POLL_MS: Final = 500  # how long an idle reader waits before it looks whether transaction markers moved it on
_CLIENT_ID: Final = "recado-readmodel"


def _ignore(_facts: list[Fact]) -> None:
    pass


class JournalReader:
    """Keeps the read model current. One at a time is enough; a second one on the same database only wastes work.

    `topic` is the journal's name, `connection` what an aiokafka client needs to reach the broker (bootstrap_servers and
    the security settings), `written` is told of each batch's facts once they are committed, from the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        topic: str,
        connection: Mapping[str, Any],
        *,
        batch: int = 5_000,
        written: Callable[[list[Fact]], None] = _ignore,
    ) -> None:
        self._engine = engine
        self._topic = topic
        self._connection = dict(connection)
        self._batch = batch
        self._written = written
        self._stored: dict[int, int] = {}  # as in the database
        self._positions: dict[int, int] = {}  # up to which all is written; markers move it and no row
        self._ends: dict[int, int] = {}
        self._moved = asyncio.Condition()

    def lag(self) -> int | None:
        """Offsets between what is written and what is committed in the journal, all partitions; None before the first
        answer of the broker. Transaction markers count while they are not yet passed."""
        if not self._ends or self._ends.keys() != self._positions.keys():
            return None
        return sum(max(0, end - self._positions[partition]) for partition, end in self._ends.items())

    async def reached(self, ends: Mapping[int, int]) -> None:
        """Return once everything before these offsets, by partition, is written, while `run` runs beside this. Take
        them from the last stable offsets: what no transaction has committed is never written."""
        async with self._moved:
            await self._moved.wait_for(
                lambda: all(self._positions.get(partition, -1) >= end for partition, end in ends.items())
            )

    async def run(self) -> None:
        """Read and write until cancelled; a batch being written when that happens is finished first.

        Raises JournalUnusable where the journal does not fit the rows, DatabaseUnusable where the database does not
        answer, BrokerUnavailable or KafkaError where the broker does not: stop, and start again.
        """
        partitions = await partitions_of(self._topic, self._connection)
        self._stored = await asyncio.to_thread(self._read_offsets, partitions)
        self._positions = dict(self._stored)
        consumer = AIOKafkaConsumer(
            **self._connection,
            client_id=_CLIENT_ID,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(self._topic, partition) for partition in partitions])
            for partition, offset in self._stored.items():
                consumer.seek(TopicPartition(self._topic, partition), offset)
            _LOG.info("The read model follows %s, %d partitions.", self._topic, len(partitions))
            while True:
                await self._step(consumer)
        except OffsetOutOfRangeError as error:
            raise JournalUnusable(
                f"{self._topic} does not reach to where the read model stands: the read model was written from another "
                "journal, or the journal was cut. Run `recado rebuild`."
            ) from error
        finally:
            await consumers.close(consumer)

    async def _step(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=self._batch)
        positions = {}
        for partition in self._positions:
            journal = TopicPartition(self._topic, partition)
            positions[partition] = await consumer.position(journal)
            end = consumer.last_stable_offset(journal)
            if end is not None and end >= 0:
                self._ends[partition] = end
        slices = [
            self._slice(journal.partition, positions[journal.partition], records)
            for journal, records in fetched.items()
            if records
        ]
        if slices:
            facts = await _finished(asyncio.create_task(asyncio.to_thread(self._write, slices)))
            self._stored |= {part.partition: part.next_offset for part in slices}
            self._written(facts)
        async with self._moved:
            self._positions = positions
            self._moved.notify_all()

    def _slice(self, partition: int, position: int, records: Sequence[Any]) -> Slice:
        values = [(record.offset, record.value or b"") for record in records]
        return Slice(self._topic, partition, self._stored[partition], position, values)

    def _write(self, slices: list[Slice]) -> list[Fact]:
        try:
            with database.writing(self._engine) as connection:
                return write(connection, slices)
        except OperationalError as error:
            raise database.unreachable(self._engine, error) from error

    def _read_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        table = schema.offsets
        query = select(table.c.partition, table.c.next_offset).where(table.c.topic == self._topic)
        try:
            with self._engine.connect() as connection:
                found = {row.partition: row.next_offset for row in connection.execute(query)}
        except DBAPIError as error:
            raise database.unreachable(self._engine, error) from error
        if gone := found.keys() - set(partitions):
            raise JournalUnusable(
                f"The read model knows partition {max(gone)} of {self._topic}, the broker has only {len(partitions)}: "
                "this is another journal. Run `recado rebuild`, or check RECADO_KAFKA."
            )
        return {partition: found.get(partition, 0) for partition in partitions}


async def partitions_of(topic: str, connection: Mapping[str, Any]) -> list[int]:
    """The partitions of a topic. Raises BrokerUnavailable, and JournalUnusable where it does not exist."""
    admin = AIOKafkaAdminClient(**connection, client_id=_CLIENT_ID)
    try:
        await admin.start()
        described = await admin.describe_topics([topic])
    except KafkaConnectionError as error:
        servers = connection.get("bootstrap_servers")
        raise BrokerUnavailable(f"no Kafka answers at {servers}", "check RECADO_KAFKA and that it runs") from error
    finally:
        await admin.close()
    partitions = sorted(one["partition"] for each in described for one in each["partitions"])
    if not partitions:
        raise JournalUnusable(f"The broker has no topic {topic}: start `recado up` or a worker first.")
    return partitions


async def _finished(task: asyncio.Task[list[Fact]]) -> list[Fact]:
    """The task's result; a cancellation waits for its end, because a thread cannot be stopped in a transaction."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

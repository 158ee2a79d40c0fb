"""recado.accounts, read by every process from its beginning on into one Directory."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka import consumers
from connectors.kafka.headers import read_any_name
from connectors.ports import MachineryFault, Record
from events.codec import decode_input
from events.envelope import Undecodable
from events.topics import Role
from projections.account import Directory

log = logging.getLogger(__name__)

UNREADABLE = 1_000  # records kept for the dead letters


class AccountsReader:
    """Keeps a Directory current. `version` is the position behind what was read, markers included."""

    def __init__(self, topic: str, client: Mapping[str, Any], directory: Directory) -> None:
        self.directory = directory
        self.version = 0
        self.changed: Callable[[], None] = lambda: None
        self.unreadable: list[Record] = []  # for the owner of partition 0, who writes the dead letters
        self._tp = TopicPartition(topic, 0)
        self._moved = asyncio.Event()
        read_any_name()
        self._consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            **client,
        )

    async def open(self) -> None:
        """Connect. Raises aiokafka's KafkaError when the broker cannot be reached."""
        await self._consumer.start()
        self._consumer.assign([self._tp])
        await self._consumer.seek_to_beginning(self._tp)

    async def close(self) -> None:
        await consumers.close(self._consumer)

    async def run(self) -> None:
        """Read until cancelled."""
        consumer, tp = self._consumer, self._tp
        while True:
            batch = await consumer.getmany(tp, timeout_ms=100)
            for record in batch.get(tp, ()):
                self._fold(record)
            position = await consumer.position(tp)
            if position > self.version:
                self.version = position
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()
                self.changed()

    def _fold(self, record: Record) -> None:
        try:
            event = decode_input(Role.ACCOUNTS, record.value)
        except Undecodable as refusal:
            where = (self._tp.topic, record.offset)
            log.warning("%s offset %d cannot be read (%s): %s", *where, refusal.reason, refusal.detail)
            self.unreadable = [*self.unreadable[-UNREADABLE:], record]
            self.directory.skip(record.offset)
            return
        self.directory.evolve(event, record.offset)

    async def caught_up(self, seconds: float = 30.0) -> None:
        """Return when all that the topic holds now has been read. Raises MachineryFault if that takes too long."""
        end = (await self._consumer.end_offsets([self._tp]))[self._tp]
        try:
            async with asyncio.timeout(seconds):
                while self.version < end:
                    await self._moved.wait()
        except TimeoutError:
            raise MachineryFault(f"{self._tp.topic} was read up to {self.version} of {end} only") from None

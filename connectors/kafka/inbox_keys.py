"""recado.inbox-keys: read whole by every worker, who opens with them what comes in; written by who seals it.

A key is used for a day. A week later, or when all that it sealed is decided, whichever is later, it is deleted.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka import consumers
from connectors.kafka.appender import NotDurable
from connectors.ports import MachineryFault, NotYet, Record
from events import inbox
from events.cipher import KEY_BYTES, Cipher, Closed
from events.envelope import Undecodable
from events.inbox import Seal
from projections import keyring

log = logging.getLogger(__name__)

KEPT_DAYS: Final = 7  # whole days after the last on which a key sealed anything


class InboxKeys:
    """The keys by the offset of their record. `version` is the position behind what was read, markers included;
    `wrapping` is that of projections/keyring.py, `mac` the key of the MACs, both of RECADO_SECRET."""

    def __init__(self, topic: str, client: Mapping[str, Any], wrapping: bytes, mac: bytes) -> None:
        self.version = 0
        self.changed: Callable[[], None] = lambda: None
        self._tp = TopicPartition(topic, 0)
        self._client = client
        self._wrapping = Cipher(wrapping)
        self._mac = mac
        self._names: dict[int, str] = {}
        self._ciphers: dict[int, Cipher] = {}
        self._consumer: AIOKafkaConsumer | None = None

    def open(self, subject: str, text: str) -> Any:
        """The data that `text` seals, for an event with this subject. Raises Undecodable("sealed") and NotYet."""
        named = inbox.read(self._mac, subject.partition("/")[0], text)
        if named is None:
            raise Undecodable("sealed", "data: it is sealed, and not by this Recado")
        if named.offset >= self.version:
            raise NotYet(
                f"the key at offset {named.offset} of {self._tp.topic} was never read. If the topic was deleted or "
                "cut, restore it: what waits cannot be opened without it."
            )
        cipher = self._ciphers.get(named.offset)
        if cipher is None:
            raise Undecodable("sealed", f"data: the key it was sealed with was destroyed after {KEPT_DAYS} days")
        try:
            return cipher.open(subject, named.sealed)
        except Closed:
            raise Undecodable("sealed", "data: it was altered, or sealed for another subject") from None

    async def start(self) -> None:
        """Connect. Raises aiokafka's KafkaError."""
        consumer = self._consumer = AIOKafkaConsumer(
            isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest",
            fetch_max_wait_ms=100, **self._client,
        )  # fmt: skip
        await consumer.start()
        consumer.assign([self._tp])
        await consumer.seek_to_beginning(self._tp)

    async def stop(self) -> None:
        if self._consumer is not None:
            await consumers.close(self._consumer)

    async def run(self) -> None:
        """Read until cancelled. Raises MachineryFault for a key that RECADO_SECRET does not open."""
        consumer, tp = self._consumer, self._tp
        assert consumer is not None  # noqa: S101 - `start` comes first
        while True:
            batch = await consumer.getmany(tp, timeout_ms=100)
            for record in batch.get(tp, ()):
                self.fold(record)
            position = await consumer.position(tp)
            if position > self.version:
                self.version = position
                self.changed()

    def fold(self, record: Record) -> None:
        """One record of the topic: a key, or that it is destroyed."""
        name = (record.key or b"").decode(errors="replace")
        try:
            wrapped = keyring.read(record.value)
        except ValueError:
            log.warning("%s offset %d is no key and is passed over", self._tp.topic, record.offset)
            return
        if wrapped is None:
            for offset in [offset for offset, known in self._names.items() if known == name]:
                del self._names[offset], self._ciphers[offset]
            return
        try:
            self._ciphers[record.offset] = Cipher(bytes.fromhex(self._wrapping.open(name, wrapped)), remembers=False)
        except (Closed, TypeError, ValueError):
            raise MachineryFault(str(keyring.WrongSecret())) from None
        self._names[record.offset] = name

    def outlived(self, now: int) -> list[tuple[int, str]]:
        """Day and name of each key that may go at `now`, ms, once nothing of that day waits to be decided."""
        last = now // inbox.DAY - KEPT_DAYS
        return sorted((day, name) for name in {*self._names.values()} if (day := inbox.day_of(name) or 0) < last)


class InboxSeals:
    """This process's own inbox keys: one for each sealed account and day, in the topic before it is first used."""

    def __init__(
        self, topic: str, client: Mapping[str, Any], wrapping: bytes, mac: bytes, clock: Callable[[], int]
    ) -> None:
        self._topic = topic
        self._client = client
        self._wrapping = Cipher(wrapping)
        self._mac = mac
        self._clock = clock
        self._token = os.urandom(8).hex()
        self._seals: dict[str, tuple[int, Seal]] = {}
        self._making = asyncio.Lock()

    async def seal(self, account: str) -> Seal:
        """The account's seal of today. Raises NotDurable where a new one cannot be written."""
        now = self._clock()
        day, seal = self._seals.get(account, (-1, None))
        if seal is not None and day == now // inbox.DAY:
            return seal
        async with self._making:
            day, seal = self._seals.get(account, (-1, None))
            if seal is None or day != now // inbox.DAY:
                seal = await self._made(account, now)
                self._seals[account] = now // inbox.DAY, seal
        return seal

    async def _made(self, account: str, now: int) -> Seal:
        name, key = inbox.key_name(account, now, self._token), os.urandom(KEY_BYTES)
        written = keyring.written(str(self._wrapping.seal(name, key.hex())))
        producer = AIOKafkaProducer(enable_idempotence=True, acks="all", **self._client)
        try:
            await producer.start()
            taken = await producer.send_and_wait(self._topic, written, key=name.encode(), partition=0)
        except (KafkaError, OSError) as error:
            raise NotDurable(f"{self._topic} did not take a key: {type(error).__name__}") from None
        finally:
            await producer.stop()
        return inbox.made(self._mac, account, taken.offset, Cipher(key))


async def destroy(topic: str, client: Mapping[str, Any], names: list[str]) -> None:
    """Delete keys. Raises KafkaError."""
    producer = AIOKafkaProducer(enable_idempotence=True, acks="all", **client)
    await producer.start()
    try:
        for name in names:
            await producer.send_and_wait(topic, None, key=name.encode(), partition=0)
    finally:
        await producer.stop()

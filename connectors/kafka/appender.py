"""Records into Kafka, one or some, durable before they count: what the ingress and the API write through.

The real appender outlives its broker: it opens a producer in the background, again and again, and says meanwhile that
nothing is durable. A record whose acknowledgement did not come may still be in Kafka; who repeats it has to give it the
same event id.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)

FEW: Final = 64  # records that go one by one through the producer's queue; more are laid out in whole batches
BATCH_BYTES: Final = 512 * 1024  # well below the topics' max.message.bytes
_LONGEST_PAUSE: Final = 30.0


class NotDurable(Exception):
    """The record is not surely in Kafka. The message says why, for a person; repeat it later."""


class Appended(NamedTuple):
    """One record, and where it goes."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class Appender(Protocol):
    """Writes records that others wait for."""

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Return once the record is durable. Raises NotDurable; waits as long as the broker does, so bound it."""
        ...

    async def append_all(self, records: Sequence[Appended]) -> None:
        """Return once all are durable; within a partition they keep their order. Raises NotDurable, and then any of
        them may be in Kafka; waits as `append` does."""
        ...


@dataclass(slots=True)
class MemoryAppender:
    """The appender of tests and demos. While `down` it refuses, while not `open` it keeps everyone waiting."""

    records: list[Appended] = field(default_factory=list)
    down: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Keep the record in the list. Raises NotDurable while `down`."""
        await self.append_all([Appended(topic, partition, key, value)])

    async def append_all(self, records: Sequence[Appended]) -> None:
        """Keep the records in the list. Raises NotDurable while `down`."""
        if self.down:
            raise NotDurable("the broker is down")
        await self.open.wait()
        self.records.extend(records)


class KafkaAppender:
    """An idempotent producer with acks=all, replaced by a new one after any error that it does not get over itself."""

    def __init__(self, client: Mapping[str, Any], *, first_pause: float = 0.5) -> None:
        """`client`: what aiokafka needs to reach the broker (`bootstrap_servers`, security). `first_pause`: seconds
        before opening is tried again, doubling up to 30."""
        self._client = {"retry_backoff_ms": 250} | dict(client)
        self._first_pause = first_pause
        self._producer: AIOKafkaProducer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._probing: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether a producer is open, and the broker has answered since an append was last given up."""
        return self._producer is not None and self._probing is None

    async def open(self, wait: float = 0.0) -> None:
        """Begin to open, and wait at most so many seconds for it; a broker that is down is tried until `close`."""
        self._opening = asyncio.create_task(self._open())
        if wait:
            await self.opened(wait)

    async def opened(self, wait: float) -> bool:
        """Wait at most so many seconds for a producer that is being opened, and say whether one is open."""
        if self._opening is not None:
            await asyncio.wait([self._opening], timeout=wait)
        return self.ready

    async def close(self) -> None:
        """Stop, flushing what is on its way for a moment."""
        for task in (self._opening, self._probing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._producer is not None:
            self._retire(self._producer)
            self._producer = None
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """See Appender."""
        await self.append_all([Appended(topic, partition, key, value)])

    async def append_all(self, records: Sequence[Appended]) -> None:
        """See Appender."""
        producer = self._producer
        if producer is None:
            raise NotDurable("the broker cannot be reached")
        try:
            pending = await (in_batches if len(records) > FEW else _one_by_one)(producer, records)
            for taken in await asyncio.gather(*pending, return_exceptions=True):
                if isinstance(taken, BaseException):
                    raise taken
        except asyncio.CancelledError:
            if self._probing is None:
                self._probing = asyncio.create_task(self._probe())
            raise
        except (KafkaError, AssertionError, ValueError) as error:
            # An idempotent producer whose sequence broke never recovers by itself; a new one costs a few milliseconds.
            if self._producer is producer:
                self._producer = None
                self._retire(producer)
                self._opening = asyncio.create_task(self._open())
            topics = ", ".join(sorted({f"{r.topic}[{r.partition}]" for r in records}))
            raise NotDurable(f"{topics} did not take a record: {type(error).__name__}") from None

    async def _open(self) -> None:
        pause = self._first_pause
        while True:
            producer = AIOKafkaProducer(
                enable_idempotence=True, acks="all", linger_ms=0, max_batch_size=BATCH_BYTES, **self._client
            )
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                log.warning("the broker cannot be written to (%s); trying again in %.1f s", type(error).__name__, pause)
                await producer.stop()
            except asyncio.CancelledError:
                await producer.stop()
                raise
            else:
                self._producer = producer
                return
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _probe(self) -> None:
        """Ask the broker until it answers: an idempotent producer itself repeats for ever, and tells nobody."""
        answered = False
        while not answered:
            producer = self._producer
            try:
                if producer is not None:
                    await producer.client.fetch_all_metadata()
                    answered = True
            except (KafkaError, OSError) as error:
                log.debug("the broker does not answer: %s", type(error).__name__)
            if not answered:
                await asyncio.sleep(self._first_pause)
        self._probing = None

    def _retire(self, producer: AIOKafkaProducer) -> None:
        async def stop() -> None:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(3.0):
                    await producer.stop()

        task = asyncio.create_task(stop())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _one_by_one(producer: AIOKafkaProducer, records: Sequence[Appended]) -> list[Any]:
    return [await producer.send(r.topic, r.value, key=r.key, partition=r.partition) for r in records]


async def in_batches(producer: AIOKafkaProducer, records: Sequence[Appended]) -> list[Any]:
    """A fifth of the time a record; the batches of one topic and partition are sent in order."""
    lanes: dict[tuple[str, int], list[Appended]] = {}
    for record in records:
        lanes.setdefault((record.topic, record.partition), []).append(record)
    pending: list[Any] = []
    for (topic, partition), lane in lanes.items():
        batch = producer.create_batch()
        for record in lane:
            if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                pending.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                    raise ValueError(f"a record of {len(record.value)} bytes does not fit a batch")
        pending.append(await producer.send_batch(batch, topic, partition=partition))
    return pending

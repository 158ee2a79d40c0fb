"""Workers in this process, over real Kafka: the engine as it is, with a workflow of words (see memory_world)."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from connectors.clock import SystemClock
from connectors.ports import Record
from events.fact import Fact
from events.topics import BY_ROLE, Role
from projections.send import Call
from streams.engine.application import EngineApp, Membership, build_app
from streams.engine.consumer import EngineThread
from streams.engine.engine import Engine
from streams.engine.wiring import Wiring
from streams.view import StateView
from tests.streams.memory_world import Script, decode, encode

PARTITIONS = 4
CONTACTS = (Role.CONTACTS,)
PATIENCE = 60.0  # seconds for anything to happen on a busy machine; a test that waits as long has failed


async def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition, looking every few milliseconds. Raises AssertionError that says what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"within {seconds:g} s it did not happen that {what}")
        await asyncio.sleep(0.005)


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario; workers that it left running (it failed, then) are stopped."""

    async def whole() -> None:
        _RUNNING.clear()
        try:
            await scenario()
        finally:
            while _RUNNING:  # each takes itself off the list
                await asyncio.wait_for(_RUNNING[-1].stop(), PATIENCE)

    asyncio.run(whole())


_RUNNING: list["InProcess"] = []


class Written(NamedTuple):
    """A record that a read_committed reader found."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Cluster:
    """The topics of one test on the session's broker."""

    bootstrap: str
    client: dict[str, Any]
    topics: dict[Role, str]
    ids: dict[str, str]
    group: str
    partitions: int = PARTITIONS

    @asynccontextmanager
    async def producer(self, **options: Any) -> Any:
        producer = AIOKafkaProducer(**self.client, **options)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def publish(self, role: Role, words: Iterable[tuple[int, str]], **options: Any) -> None:
        """Records (partition, value), as a producer outside writes them: in small batches, so that fetches may be."""
        async with self.producer(linger_ms=5, **{"max_batch_size": 1_000, **options}) as producer:
            for partition, each in words:
                await producer.send(self.topics[role], each.encode(), key=b"acme/x", partition=partition)
            await producer.flush()

    @asynccontextmanager
    async def _consumer(self, isolation: str) -> Any:
        consumer = AIOKafkaConsumer(
            **self.client, isolation_level=isolation, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def read(self, role: Role) -> list[Written]:
        """All that a read_committed reader finds in a topic, partition by partition.

        A broker answers a commit before it has written the markers that end it, so this waits until no transaction is
        open. Raises AssertionError when one stays open.
        """
        count = BY_ROLE[role].count(self.partitions)
        tps = [TopicPartition(self.topics[role], partition) for partition in range(count)]
        deadline = time.monotonic() + PATIENCE
        async with self._consumer("read_committed") as consumer, self._consumer("read_uncommitted") as other:
            while (ends := await consumer.end_offsets(tps)) != await other.end_offsets(tps):
                assert time.monotonic() < deadline, f"a transaction over {role} stays open"
                await asyncio.sleep(0.01)
            consumer.assign(tps)
            found: list[Written] = []
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for records in (await consumer.getmany(timeout_ms=50)).values():
                    found += [Written(r.partition, r.offset, r.key, r.value, tuple(r.headers)) for r in records]
            return sorted(found)

    async def facts(self) -> list[tuple[str, int]]:
        """(subject, sequence) of every fact, for a read_committed reader."""
        documents = [orjson.loads(written.value) for written in await self.read(Role.JOURNAL)]
        return [(document["subject"], document["sequence"]) for document in documents]


class Folding(Script):
    """The workflow of words, whose facts alone rebuild its state."""

    def fold(self, fact: Any, view: StateView, at: int) -> None:
        assert isinstance(fact, Fact)
        view.put(b"c/" + fact.subject.encode(), fact.sequence)

    def fold_silent(self, ids: bytes, view: StateView, at: int) -> None:
        for start in range(0, len(ids), 16):
            view.put(b"i/" + ids[start : start + 16], 1)


@dataclass
class Slots:
    """Lanes without a provider: so many slots, and no call."""

    slots: int = 64

    def free(self, role: Role) -> int:
        return self.slots

    def reserve(self, call: Call) -> None:
        raise AssertionError("no call is expected here")

    def start(self, calls: Sequence[Call], tenure: int) -> None:
        raise AssertionError("no call is expected here")


@dataclass
class NoSettings:
    """Settings of which there are none."""

    version: int = 0
    unreadable: Sequence[Record] = ()

    async def caught_up(self) -> None:
        return None


@dataclass
class InProcess:
    """One worker. `failures` are what its engine would have ended the process for."""

    cluster: Cluster
    name: str
    data: Path
    inputs: tuple[Role, ...] = CONTACTS
    options: dict[str, Any] = field(default_factory=dict)
    session_seconds: float = 10.0
    fetch_bytes: int = 2 * 1024 * 1024

    def __post_init__(self) -> None:
        self.failures: list[BaseException] = []
        self.scripts: dict[int, Folding] = {}
        self.lanes = Slots()
        wiring = Wiring(
            topics=self.cluster.topics, topic_ids=self.cluster.ids, client=self.cluster.client,
            transactional_prefix=self.cluster.group, workflow=self._script, encode=encode, decode=decode,
            lanes=self.lanes, busy=lambda: 0, clock=SystemClock(), settings=NoSettings(), inputs=self.inputs,
        )  # fmt: skip
        self.engine = Engine(replace(wiring, **self.options), self.failures.append)
        self.app = self._build()

    def _script(self, partition: int) -> Folding:
        return self.scripts.setdefault(partition, Folding())

    def _build(self) -> EngineApp:
        return build_app(
            self.engine,
            Membership(
                self.cluster.group, self.name, self.cluster.bootstrap, self.data / self.name, self.cluster.partitions,
                self.session_seconds, self.fetch_bytes,
            ),
        )  # fmt: skip

    @property
    def thread(self) -> EngineThread:
        consumer: Any = self.app.consumer
        thread: EngineThread = consumer._thread
        return thread

    @property
    def decided(self) -> list[str]:
        """The values that were decided here, partition by partition."""
        return [words for _, script in sorted(self.scripts.items()) for words in script.decided]

    def position(self, role: Role = Role.CONTACTS) -> int:
        """Records and markers that the state has passed, over all partitions owned."""
        return sum(running.pipeline.positions[role] for running in self.engine.running.values())

    async def start(self, owns: bool = True) -> "InProcess":
        _RUNNING.append(self)
        await self.engine.open()
        await self.app.start()
        if owns:
            await until(self.engine.took_over.is_set, f"{self.name} took partitions over")
        return self

    async def stop(self) -> None:
        """As on SIGTERM."""
        _RUNNING.remove(self)
        await self.app.stop()
        await self.engine.close()

    async def vanish(self) -> None:
        """End without a word to the group, as by kill -9 (whose other half, what it leaves undone, is chaos')."""

        async def say_nothing() -> None:
            return None

        self.thread.leave_on_close = say_nothing  # type: ignore[method-assign]
        coordinator: Any = self.thread._ensure_consumer()._coordinator
        coordinator._maybe_leave_group = say_nothing
        await self.stop()

    async def passed(self, count: int, role: Role = Role.CONTACTS) -> None:
        """Until that many records have been decided and committed."""
        await until(
            lambda: self.failures or (self.position(role) >= count and not self._changing()),
            f"{self.name} passed {count} records of {role}",
        )
        assert self.failures == []

    async def settled(self) -> None:
        """Until all that was fetched has been decided and committed."""
        pipelines = [running.pipeline for running in self.engine.running.values()]
        await until(lambda: all(each.idle and not each.view.changed for each in pipelines), f"{self.name} is idle")

    def _changing(self) -> bool:
        return any(running.pipeline.view.changed for running in self.engine.running.values())


def spread(count: int, what: str = "fact", partitions: int = PARTITIONS) -> list[tuple[int, str]]:
    """So many records, each about a contact of its own, over all partitions in turn."""
    return [(number % partitions, f"{what} c{number:05}") for number in range(count)]


def once(count: int) -> list[tuple[str, int]]:
    """The facts that `spread` must leave: each once, whatever happened."""
    return sorted((f"acme/c{number:05}", 1) for number in range(count))


def of(words: Sequence[str], begins: str) -> list[str]:
    return [each for each in words if each.startswith(begins)]

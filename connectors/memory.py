"""The ports of the commit protocol in memory: a log with positions, holes and a fence, a store, answers.

For tests and for a seeded simulation. Nothing here waits, reads a clock or draws a number: time is an argument, an
order comes from `pause`, a failure from a list of `faults`. `steps` tells what happened, in the order in which it did.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.ports import BEFORE, Changes, Commit, Fenced, Fetch, MachineryFault, Message, Pause
from events.topics import Role


class Stored(NamedTuple):
    """A record as it lies in a topic; a ports.Record."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


@dataclass(slots=True)
class MemoryTopic:
    """One partition of one topic. `end` is the position behind its last record or marker."""

    records: list[Stored] = field(default_factory=list)
    end: int = 0

    def append(self, message: Message, at: int) -> int:
        """Add a record; return its offset."""
        offset = self.end
        self.records.append(Stored(offset, message.key, message.value, tuple(message.headers), at))
        self.end += 1
        return offset

    def mark(self) -> None:
        """A transaction's marker: it takes an offset, and no reader sees it."""
        self.end += 1

    def read(self, start: int, limit: int) -> tuple[list[Stored], int]:
        """At most `limit` records from position `start` on, and the position behind them."""
        first = bisect_left(self.records, start, key=_offset)
        records = self.records[first : first + limit]
        behind = first + len(records)
        return records, self.records[behind].offset if behind < len(self.records) else max(self.end, start)


def _offset(record: Stored) -> int:
    return record.offset


class Step(NamedTuple):
    """Something that happened: `name` is one of opened, committed, written, answered."""

    name: str
    partition: int


@dataclass(slots=True)
class MemoryBroker:
    """The topics that all logs, readers and answers of a world share, and who may write which partition."""

    topics: dict[tuple[Role, int], MemoryTopic] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def topic(self, role: Role, partition: int) -> MemoryTopic:
        return self.topics.setdefault((role, partition), MemoryTopic())

    def publish(self, role: Role, partition: int, message: Message, at: int) -> int:
        """Write a record as a producer outside does; return its offset."""
        return self.topic(role, partition).append(message, at)

    def fetch(self, role: Role, partition: int, start: int, at: int, limit: int = 1_000_000) -> Fetch:
        """What a consumer that stands at `start` gets at time `at`, with the ends that bound it."""
        records, after = self.topic(role, partition).read(start, limit)
        before = BEFORE.get(role, ()) if records else ()
        ends = {other: self.topic(other, 0 if other is Role.ACCOUNTS else partition).end for other in before}
        return Fetch(role, start, after, records, ends, at)


class Fault(NamedTuple):
    """A failure to order. `written` says that it strikes only after the write: the writer cannot tell."""

    exception: Exception
    written: bool = False


async def _at_once() -> None:
    return None


class MemoryLog:
    """ports.Log over a MemoryBroker. `open` fences every log that was opened for the partition before."""

    def __init__(self, broker: MemoryBroker, partition: int, pause: Pause = _at_once) -> None:
        self.faults: list[Fault] = []  # one a commit, in order
        self.commits: list[Commit] = []
        self._broker = broker
        self._partition = partition
        self._pause = pause
        self._epoch = -1

    def open(self) -> "MemoryLog":
        """Fence the former owner; the same log, now the owner's."""
        self._epoch = self._broker.epochs.get(self._partition, 0) + 1
        self._broker.epochs[self._partition] = self._epoch
        self._broker.steps.append(Step("opened", self._partition))
        return self

    async def commit(self, commit: Commit) -> int:
        """See ports.Log."""
        await self._pause()
        if self._broker.epochs.get(self._partition) != self._epoch:
            raise Fenced(f"partition {self._partition}: another worker has taken it over")
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not fault.written:
            raise fault.exception
        if not commit.changes:
            raise MachineryFault(f"partition {self._partition}: a commit without a change of state")
        changelog_next = self._write(commit)
        self.commits.append(commit)
        self._broker.steps.append(Step("committed", self._partition))
        await self._pause()
        if fault is not None:
            raise fault.exception
        return changelog_next

    def _write(self, commit: Commit) -> int:
        own = self._partition
        written = [(Role.JOURNAL, own, fact) for fact in commit.facts]
        written += [
            (role, own if message.partition is None else message.partition, message) for role, message in commit.moved
        ]
        written += [(Role.DEAD_LETTERS, 0, letter) for letter in commit.dead_letters]
        written += [(Role.STATE, own, Message(key, value)) for key, value in commit.changes.items()]
        last = -1
        for role, partition, message in written:
            last = self._broker.publish(role, partition, message, commit.at)
        for role, partition in {(role, partition) for role, partition, _ in written}:
            self._broker.topic(role, partition).mark()
        return last + 1


class MemoryStore:
    """ports.Store in a dict and a sorted list of its keys."""

    def __init__(self, partition: int = 0, broker: MemoryBroker | None = None) -> None:
        self.values: dict[bytes, bytes] = {}
        self.changelog_next = -1
        self.written_at = 0
        self.source = ""
        self.faults: list[Exception] = []  # one a write, in order
        self._keys: list[bytes] = []
        self._partition = partition
        self._broker = broker

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, bytes]]:
        return self._from(bisect_left(self._keys, prefix), prefix, limit, before)

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        return self._from(max(bisect_right(self._keys, key), bisect_left(self._keys, prefix)), prefix, limit, None)

    def _from(self, at: int, prefix: bytes, limit: int, before: bytes | None) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        for key in self._keys[at : at + limit]:
            if not key.startswith(prefix) or (before is not None and key >= before):
                break
            found.append((key, self.values[key]))
        return found

    def write(self, changes: Changes, changelog_next: int, at: int) -> None:
        if self.faults:
            raise self.faults.pop(0)
        for key, value in changes.items():
            if value is None:
                if self.values.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            else:
                if key not in self.values:
                    insort(self._keys, key)
                self.values[key] = value
        self.changelog_next = changelog_next
        self.written_at = at
        if self._broker is not None:
            self._broker.steps.append(Step("written", self._partition))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See ports.LocalStore."""
        return iter([(key, self.values[key]) for key in self._keys])


class MemoryStores:
    """ports.Stores of one worker: what it keeps on its disk from one tenure to the next."""

    def __init__(self, broker: MemoryBroker | None = None) -> None:
        self.kept: dict[int, MemoryStore] = {}
        self._broker = broker

    def open(self, partition: int) -> MemoryStore:
        return self.kept.setdefault(partition, MemoryStore(partition, self._broker))

    def wipe(self, partition: int) -> MemoryStore:
        """Throw the local copy away and begin an empty one."""
        self.kept.pop(partition, None)
        return self.open(partition)


class MemoryReader:
    """ports.LogReader over a MemoryBroker, `batch` records at a time."""

    def __init__(self, broker: MemoryBroker, batch: int = 1_000, pause: Pause = _at_once) -> None:
        self._broker = broker
        self._batch = batch
        self._pause = pause

    async def read(self, role: Role, partition: int, start: int, end: int) -> AsyncIterator[tuple[list[Stored], int]]:
        """See ports.LogReader."""
        topic = self._broker.topic(role, partition)
        while start < end:
            await self._pause()
            records, start = topic.read(start, self._batch)
            yield records, start


class MemoryAnswers:
    """ports.Answers over a MemoryBroker; `at` tells the time that records bear."""

    def __init__(self, broker: MemoryBroker, at: int = 0, pause: Pause = _at_once) -> None:
        self.at = at
        self.faults: list[Exception] = []  # one an append, in order
        self._broker = broker
        self._pause = pause

    async def append(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> None:
        """See ports.Answers."""
        await self._pause()
        if self.faults:
            raise self.faults.pop(0)
        for key, value in records:
            self._broker.publish(Role.ANSWERS, partition, Message(key, value), self.at)
        self._broker.steps.append(Step("answered", partition))


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits for anything outside, to its end; return what it returns."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("this coroutine waited for something outside of memory")

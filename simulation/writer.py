"""The product's ports to Kafka over the simulated broker: one partition's transactions, readers, the answers' topic."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.ports import Commit, MachineryFault, Message, Record
from events.codec import decode_fact
from events.topics import Role
from simulation.broker import Line, Transaction
from simulation.points import Point
from simulation.scheduler import Process, sleep

if TYPE_CHECKING:
    from simulation.world import World


@dataclass(slots=True)
class Writer:
    """ports.Log. `open` fences every former writer of the partition before it returns."""

    world: "World"
    process: Process
    partition: int
    epoch: int = -1

    @property
    def id(self) -> str:
        return f"recado-{self.partition}"

    async def open(self) -> None:
        """As a client's initTransactions: it does not return before the former transaction has ended everywhere."""
        world, broker = self.world, self.world.broker
        await world.point(self.process, "before fence")
        self.epoch = broker.fence(self.id)
        while broker.busy(self.id):
            broker.shown.clear()
            await broker.shown.wait(500)
        await world.point(self.process, "after fence")

    async def commit(self, commit: Commit) -> int:
        """See ports.Log. The writes of one transaction go to their partitions in any order."""
        world, broker, process = self.world, self.world.broker, self.process
        await world.point(process, "before begin")
        while broker.busy(self.id):  # a client waits for the markers of its last transaction
            broker.shown.clear()
            await broker.shown.wait(500)
        transaction = broker.begin(self.id, self.epoch, process, world.now)
        await world.point(process, "after begin")
        writes: list[Callable[[], object]] = []
        last: list[int] = []

        async def journal() -> None:
            await self._torn(transaction, Role.JOURNAL, commit.facts, commit.at, "journal append")

        async def moved() -> None:
            await world.point(process, "before moved append")
            for role, message in commit.moved:
                target = self.partition if message.partition is None else message.partition
                broker.write(transaction, broker.line(role, target), (message,), commit.at)
            await world.point(process, "after moved append")

        async def buried() -> None:
            await world.point(process, "before dead letters append")
            broker.write(transaction, broker.line(Role.DEAD_LETTERS, 0), commit.dead_letters, commit.at)
            await world.point(process, "after dead letters append")

        async def state() -> None:
            changes = [Message(key, value) for key, value in commit.changes.items()]
            last.append(await self._torn(transaction, Role.STATE, changes, commit.at, "changelog append"))

        writes = [
            write
            for write, messages in (
                (journal, commit.facts), (moved, commit.moved), (buried, commit.dead_letters), (state, commit.changes),
            )
            if messages
        ]  # fmt: skip
        world.shuffle(writes)
        for write in writes:
            await write()  # type: ignore[misc]
        if world.chance(0.02):
            await sleep(world.between(1, 3_000))
        await world.point(process, "before commit")
        broker.commit(transaction)
        if world.tracing:
            facts = [decode_fact(message.value or b"") for message in commit.facts]
            told = ", ".join(f"{fact.subject}#{fact.sequence} {fact.type.split('.', 1)[1]}" for fact in facts)
            world.tell(f"{process.name} commits partition {self.partition}, epoch {self.epoch}: {told or 'no facts'}")
        await world.point(process, "after commit")
        if not last:
            raise MachineryFault(f"partition {self.partition}: a commit without a change of state")
        return last[0] + 1

    async def _torn(self, transaction: Transaction, role: Role, messages: Sequence[Message], at: int, what: str) -> int:
        """Append in one batch or in two, between which anything may happen."""
        world, broker, process = self.world, self.world.broker, self.process
        line = broker.line(role, self.partition)
        await world.point(process, _named("before", what))
        if len(messages) > 1 and world.chance(0.2):
            half = world.between(1, len(messages) - 1)
            broker.write(transaction, line, messages[:half], at)
            await world.point(process, _named("inside", what))
            messages = messages[half:]
        offset = broker.write(transaction, line, messages, at)
        await world.point(process, _named("after", what))
        return offset


def _named(when: str, what: str) -> Point:
    return f"{when} {what}"  # type: ignore[return-value]  # every one is in points.Point


@dataclass(slots=True)
class Reading:
    """An iteration over one partition, some records at a time."""

    world: "World"
    process: Process
    line: Line
    position: int
    end: int
    point: Point

    def __aiter__(self) -> "Reading":
        return self

    async def __anext__(self) -> tuple[Sequence[Record], int]:
        if self.position >= self.end:
            raise StopAsyncIteration
        await self.world.point(self.process, self.point)
        found, self.position = self.line.read(self.position, self.world.between(1, 400))
        return found, self.position


@dataclass(slots=True)
class Reader:
    """ports.LogReader."""

    world: "World"
    process: Process

    def read(self, role: Role, partition: int, start: int, end: int) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """See ports.LogReader."""
        point: Point = "inside recovery" if role is Role.STATE else "inside rebuild"
        return Reading(self.world, self.process, self.world.broker.line(role, partition), start, end, point)


@dataclass(slots=True)
class Answers:
    """ports.Answers: a plain producer. An answer may be written twice, by a client that did not hear the first ack."""

    world: "World"
    process: Process

    async def append(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> None:
        """See ports.Answers. A worker may die between two records of a batch."""
        world = self.world
        if world.faulty(0.01):
            world.struck("answer delayed")
            await sleep(world.between(1, 20_000))
        for number, (key, value) in enumerate(records):
            if number:
                await world.point(self.process, "inside answer append")
            world.broker.publish(Role.ANSWERS, partition, Message(key, value), world.now)
            world.ledger.answers += 1
        await world.point(self.process, "after answer append")
        for key, value in records:
            if world.faulty(0.05):
                world.struck("answer repeated")
                world.broker.publish(Role.ANSWERS, partition, Message(key, value), world.now)


def ends(world: "World", roles: Iterable[Role], partition: int) -> dict[Role, int]:
    """The last stable position of each of a partition's topics."""
    broker = world.broker
    return {role: broker.line(role, 0 if role is Role.ACCOUNTS else partition).stable for role in roles}


def heads(world: "World", roles: Iterable[Role], partition: int) -> dict[Role, int]:
    """The position behind the last record of each, committed or not."""
    line = world.broker.line
    return {role: len(line(role, 0 if role is Role.ACCOUNTS else partition).entries) for role in roles}

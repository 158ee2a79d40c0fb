"""One partition's commits on real Kafka: all or nothing, and nothing at all from an owner that was fenced."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.admin import Admin
from connectors.kafka.changelog import Bounds, Reader
from connectors.kafka.security import Security
from connectors.kafka.transaction import BATCH_BYTES, TransactionLog
from connectors.ports import Commit, Fenced, MachineryFault, Message, Record
from events import topics
from events.topics import Role

pytestmark = pytest.mark.kafka

PARTITION = 1


class Topics:
    """The topics of one test, and what a read_committed reader finds in them."""

    def __init__(self, prefix: str, client: dict[str, Any]) -> None:
        self.prefix = prefix
        self.client = client
        self.names = {role: topics.name(prefix, role) for role in Role}

    def log(self, timeout_ms: int = 60_000) -> TransactionLog:
        return TransactionLog(self.names, PARTITION, f"{self.prefix}{PARTITION}", self.client, timeout_ms)

    async def end(self, role: Role, partition: int = PARTITION) -> int:
        """The last stable position, once no transaction is open: markers are written after a commit is answered."""
        bounds, tp = Bounds(self.client), TopicPartition(self.names[role], partition)
        latest = AIOKafkaConsumer(**self.client, enable_auto_commit=False)
        await asyncio.gather(bounds.open(), latest.start())
        try:
            for _ in range(6_000):
                if (end := (await bounds.ends([tp]))[tp]) == (await latest.end_offsets([tp]))[tp]:
                    return end
                await asyncio.sleep(0.01)
            raise AssertionError(f"a transaction over {role} stays open")
        finally:
            await asyncio.gather(bounds.close(), latest.stop())

    async def read(self, role: Role, partition: int = PARTITION, start: int = 0) -> tuple[list[Record], int]:
        """All records from a position on, and the position behind them."""
        reader, end = Reader(self.names, self.client), await self.end(role, partition)
        await reader.open()
        try:
            fetched = [each async for each in reader.read(role, partition, start, end)]
            return [record for records, _ in fetched for record in records], fetched[-1][1] if fetched else start
        finally:
            await reader.close()


@pytest.fixture
def own(kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str) -> Topics:
    kafka_admin.ensure(prefix, 3, 1, embedded=True)
    return Topics(prefix, {"bootstrap_servers": kafka, **kafka_security.arguments()})


@asynccontextmanager
async def opened(*logs: TransactionLog) -> AsyncIterator[None]:
    """Open in this order; close all."""
    try:
        for log in logs:
            await log.open()
        yield
    finally:
        for log in logs:
            await log.close()


def a_commit(name: str, at: int = 1_000) -> Commit:
    return Commit([Message(name.encode(), b"fact")], {b"c/" + name.encode(): b"1"}, at=at)


def values(records: Sequence[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def test_a_commit_lies_in_every_topic_it_belongs_to(own: Topics) -> None:
    async def scenario() -> None:
        log = own.log()
        moved = Message(b"acme/a", b"moved", [("recado-origin", b"contacts/1/0")], 2)
        commit = Commit(
            facts=[Message(b"acme/a", b"one"), Message(b"acme/a", b"two", [("recado-state", b"{}")])],
            changes={b"c/acme/a": b"state", b"o/gone": None},
            dead_letters=[Message(b"k", b"letter")],
            moved=[(Role.CONTACTS, moved), (Role.CONTACTS, moved._replace(value=b"moved too"))],
            at=1_795_435_200_000,
        )
        async with opened(log):
            changelog_next = await log.commit(commit)
            second = await log.commit(a_commit("b"))
        facts, _ = await own.read(Role.JOURNAL)
        assert [(f.key, f.value, tuple(f.headers), f.timestamp) for f in facts[:2]] == [
            (b"acme/a", b"one", (), commit.at),
            (b"acme/a", b"two", (("recado-state", b"{}"),), commit.at),
        ]
        state, end = await own.read(Role.STATE)
        assert [(r.key, r.value) for r in state] == [(b"c/acme/a", b"state"), (b"o/gone", None), (b"c/b", b"1")]
        assert (changelog_next, second) == (2, 4), "the position behind the last key; a marker lies between"
        assert end == 5
        arrived, _ = await own.read(Role.CONTACTS, 2)
        assert values(arrived) == [b"moved", b"moved too"]
        assert tuple(arrived[0].headers) == (("recado-origin", b"contacts/1/0"),)
        assert values((await own.read(Role.DEAD_LETTERS, 0))[0]) == [b"letter"]

    asyncio.run(scenario())


def test_a_commit_larger_than_a_batch_is_one_transaction_all_the_same(own: Topics) -> None:
    async def scenario() -> None:
        log = own.log()
        big = b"x" * 100_000
        count = 3 * BATCH_BYTES // len(big)
        commit = Commit([Message(b"k", big) for _ in range(count)], {b"c/%d" % n: big for n in range(count)}, at=1)
        async with opened(log):
            changelog_next = await log.commit(commit)
        assert len((await own.read(Role.JOURNAL))[0]) == count
        state, end = await own.read(Role.STATE)
        assert [record.key for record in state] == [b"c/%d" % n for n in range(count)]
        assert (changelog_next, end) == (count, count + 1)

    asyncio.run(scenario())


def test_the_largest_dead_letter_fits(own: Topics) -> None:
    """A record of 1 MiB in base64 is larger than a batch: it must not stop the worker each time it is read again."""

    async def scenario() -> None:
        log = own.log()
        letter = b"x" * (1_400_000 + 64 * 1024)
        async with opened(log):
            await log.commit(Commit([], {b"p/positions": b"1"}, [Message(b"k" * 60_000, letter)] * 2, at=1))
        found, _ = await own.read(Role.DEAD_LETTERS, 0)
        assert [len(record.value or b"") for record in found] == [len(letter)] * 2

    asyncio.run(scenario())


def test_opening_fences_the_former_owner_and_nothing_of_its_commit_is_read(own: Topics) -> None:
    """The fence comes before the state is read, so what a frozen owner still writes is in no state and no journal.

    Without it (the new owner's log opened only at its first commit) the old one's commit goes through, after the new
    one has read the state: run once so, the journal held `late`.
    """

    async def scenario() -> None:
        old, new = own.log(), own.log()
        async with opened(old):
            await old.commit(a_commit("before"))
            async with opened(new):
                bound = await own.end(Role.STATE)
                with pytest.raises(Fenced, match="taken it over"):
                    await old.commit(a_commit("late"))
                assert await own.end(Role.STATE) == bound
                await new.commit(a_commit("after"))
        facts, _ = await own.read(Role.JOURNAL)
        assert [record.key for record in facts] == [b"before", b"after"]
        assert [record.key for record in (await own.read(Role.STATE))[0]] == [b"c/before", b"c/after"]

    asyncio.run(scenario())


def test_without_the_fence_a_frozen_owner_writes_on(own: Topics) -> None:
    """What the test above would miss: the same order of events, the successor's log not yet open."""

    async def scenario() -> None:
        old, new = own.log(), own.log()
        async with opened(old):
            await old.commit(a_commit("before"))
            bound = await own.end(Role.STATE)
            await old.commit(a_commit("late"))
            assert await own.end(Role.STATE) > bound
            async with opened(new):
                await new.commit(a_commit("after"))
        facts, _ = await own.read(Role.JOURNAL)
        assert [record.key for record in facts] == [b"before", b"late", b"after"]

    asyncio.run(scenario())


def test_opening_ends_what_the_former_owner_left_open(own: Topics) -> None:
    async def scenario() -> None:
        old, new = own.log(), own.log()
        async with opened(old):
            await old._producer.begin_transaction()
            batch = old._producer.create_batch()
            batch.append(key=b"half", value=b"fact", timestamp=1)
            await (await old._producer.send_batch(batch, own.names[Role.JOURNAL], partition=PARTITION))
            async with opened(new):
                await new.commit(a_commit("whole"))
        facts, end = await own.read(Role.JOURNAL)
        assert [record.key for record in facts] == [b"whole"]
        assert end == 4, "half, its abort, whole, its commit"

    asyncio.run(scenario())


def test_a_fenced_owner_stays_fenced(own: Topics) -> None:
    async def scenario() -> None:
        old, new = own.log(), own.log()
        async with opened(old, new):
            for _ in range(2):
                with pytest.raises(Fenced):
                    await old.commit(a_commit("late"))
        assert (await own.read(Role.JOURNAL))[0] == []

    asyncio.run(scenario())


def test_a_commit_without_a_change_of_state_is_refused(own: Topics) -> None:
    async def scenario() -> None:
        log = own.log()
        async with opened(log):
            with pytest.raises(MachineryFault, match="without a change"):
                await log.commit(Commit([Message(b"k", b"fact")], at=1))
        assert (await own.read(Role.JOURNAL))[0] == []

    asyncio.run(scenario())

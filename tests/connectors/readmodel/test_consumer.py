"""The journal in a real Kafka becomes rows exactly once, whatever happens to the reader."""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from functools import reduce
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import Engine, select

from connectors.kafka.admin import Admin
from connectors.kafka.errors import BrokerUnavailable
from connectors.kafka.security import Security
from connectors.readmodel import contacts, database, schema
from connectors.readmodel.consumer import JournalReader
from connectors.readmodel.writer import JournalUnusable
from events import topics
from events.codec import decode_fact, encode_fact
from events.contact import FieldsChanged
from events.fact import Fact
from projections import contact
from tests.connectors.readmodel.journals import NOON
from tests.connectors.readmodel.reading import follow

pytestmark = pytest.mark.kafka

PARTITIONS = 2
SUBJECTS = [f"acme/contact-{number}" for number in range(10)]


@pytest.fixture
def connection(kafka: str, kafka_security: Security) -> dict[str, Any]:
    return {"bootstrap_servers": kafka, **kafka_security.arguments()}


@pytest.fixture
def topic(kafka_admin: Admin, prefix: str) -> str:
    kafka_admin.ensure(prefix, PARTITIONS, 1, embedded=False)
    return topics.name(prefix, topics.Role.JOURNAL)


def counted(subject: str, sequence: int, note: str) -> Fact:
    data = FieldsChanged({"counter": sequence, "note": note}, [])
    return Fact(subject, sequence, NOON + sequence, f"cause-{sequence}", "/test", data)


def partition_of(subject: str) -> int:
    return int(subject[-1]) % PARTITIONS


async def produce(connection: dict[str, Any], topic: str, rounds: int, first: int = 1) -> list[Fact]:
    """`rounds` facts for each contact, a transaction a round; before each third an aborted try with other values."""
    committed = []
    async with AIOKafkaProducer(**connection, transactional_id=f"{topic}-{first}") as producer:

        async def write(sequence: int, note: str) -> list[Fact]:
            facts = [counted(subject, sequence, note) for subject in SUBJECTS]
            for fact in facts:
                value = encode_fact(fact)
                await producer.send(topic, value, fact.subject.encode(), partition=partition_of(fact.subject))
            return facts

        for sequence in range(first, first + rounds):
            if sequence % 3 == 0:
                await producer.begin_transaction()
                await write(sequence, "aborted")
                await producer.flush()
                await producer.abort_transaction()
            async with producer.transaction():
                committed += await write(sequence, "committed")
    return committed


async def raw(connection: dict[str, Any], topic: str, value: bytes | None) -> None:
    async with AIOKafkaProducer(**connection) as producer:
        await producer.send_and_wait(topic, value, partition=0)


async def beside(reader: JournalReader, what: Callable[[], Awaitable[None]]) -> None:
    """Do something while the reader runs; a fault of the reader ends it."""
    running = asyncio.create_task(reader.run())
    doing = asyncio.ensure_future(what())
    await asyncio.wait([running, doing], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        doing.cancel()
        await running
    running.cancel()
    await asyncio.wait([running])
    await doing


def ends(kafka_admin: Admin, topic: str) -> dict[int, int]:
    found = kafka_admin.end_offsets([topic], committed=True)
    return {partition: end for (_, partition), end in found.items()}


def check(engine: Engine, committed: list[Fact]) -> None:
    """Each committed fact is there once, nothing else is, and the contacts are their fold."""
    with engine.connect() as session:
        bodies = session.execute(select(schema.facts.c.body)).scalars().all()
        folded = contacts.load(session, SUBJECTS)
    order = [(fact.subject, fact.sequence) for fact in committed]
    found = sorted(map(decode_fact, map(str.encode, bodies)), key=lambda fact: (fact.subject, fact.sequence))
    assert found == sorted(committed, key=lambda fact: (fact.subject, fact.sequence))
    assert len(set(order)) == len(order)
    for subject in SUBJECTS:
        own = [fact for fact in committed if fact.subject == subject]
        assert folded[subject].state == reduce(contact.evolve, own, contact.initial)


def test_a_reader_killed_again_and_again_writes_each_committed_fact_once(
    engine: Engine, connection: dict[str, Any], topic: str, kafka_admin: Admin
) -> None:
    committed = asyncio.run(produce(connection, topic, rounds=60))
    spawn = multiprocessing.get_context("spawn")
    url = engine.url.render_as_string(hide_password=False)
    for kills in range(3):
        ours, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=follow, args=(url, topic, connection, theirs))
        process.start()
        theirs.close()
        for _ in range(1 + kills):
            assert ours.recv() > 0
        process.kill()
        process.join()
        ours.close()

    async def finish() -> None:
        reader = JournalReader(engine, topic, connection)
        await beside(reader, lambda: reader.reached(ends(kafka_admin, topic)))
        assert reader.lag() == 0

    asyncio.run(finish())
    check(engine, committed)


def test_facts_committed_while_the_reader_runs_are_told_and_written(
    engine: Engine, connection: dict[str, Any], topic: str, kafka_admin: Admin
) -> None:
    told: list[Fact] = []
    committed: list[Fact] = []

    async def live() -> None:
        reader = JournalReader(engine, topic, connection, batch=7, written=told.extend)

        async def traffic() -> None:
            for first in (1, 4):
                committed.extend(await produce(connection, topic, rounds=3, first=first))
                await reader.reached(ends(kafka_admin, topic))
                check(engine, committed)

        await beside(reader, traffic)

    asyncio.run(live())
    assert sorted(told, key=repr) == sorted(committed, key=repr)


def test_a_record_that_is_no_fact_stops_the_reader_loudly(
    engine: Engine, connection: dict[str, Any], topic: str
) -> None:
    asyncio.run(raw(connection, topic, b"no fact"))
    with pytest.raises(JournalUnusable, match="is no fact"):
        asyncio.run(JournalReader(engine, topic, connection).run())


def test_a_journal_shorter_than_the_rows_is_refused(engine: Engine, connection: dict[str, Any], topic: str) -> None:
    with database.writing(engine) as session:
        session.execute(schema.offsets.insert().values(topic=topic, partition=1, next_offset=17))
    with pytest.raises(JournalUnusable, match="recado rebuild"):
        asyncio.run(JournalReader(engine, topic, connection).run())


def test_a_journal_with_fewer_partitions_than_the_rows_is_refused(
    engine: Engine, connection: dict[str, Any], topic: str
) -> None:
    with database.writing(engine) as session:
        session.execute(schema.offsets.insert().values(topic=topic, partition=PARTITIONS, next_offset=1))
    with pytest.raises(JournalUnusable, match="the broker has only 2"):
        asyncio.run(JournalReader(engine, topic, connection).run())


def test_a_broker_without_the_journal_is_told(engine: Engine, connection: dict[str, Any], prefix: str) -> None:
    with pytest.raises(JournalUnusable, match="has no topic"):
        asyncio.run(JournalReader(engine, topics.name(prefix, topics.Role.JOURNAL), connection).run())


def test_a_broker_that_does_not_answer_is_told(engine: Engine) -> None:
    reader = JournalReader(engine, "recado.journal", {"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(BrokerUnavailable, match=r"no Kafka answers at 127\.0\.0\.1:1.*RECADO_KAFKA"):
        asyncio.run(reader.run())

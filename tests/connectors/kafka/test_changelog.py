"""Reading a topic's partition to an end: committed records only, markers passed, whole fetches."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from connectors.kafka.admin import Admin
from connectors.kafka.changelog import Bounds, Reader
from connectors.kafka.security import Security
from events import topics
from events.topics import Role

pytestmark = pytest.mark.kafka


@pytest.fixture
def names(kafka_admin: Admin, prefix: str) -> dict[Role, str]:
    kafka_admin.ensure(prefix, 2, 1, embedded=True)
    return {role: topics.name(prefix, role) for role in Role}


@pytest.fixture
def client(kafka: str, kafka_security: Security) -> dict[str, Any]:
    return {"bootstrap_servers": kafka, **kafka_security.arguments()}


def test_a_reader_passes_aborted_records_and_markers_and_stops_at_the_end(
    names: dict[Role, str], client: dict[str, Any], prefix: str
) -> None:
    async def scenario() -> None:
        topic = names[Role.STATE]
        producer = AIOKafkaProducer(**client, transactional_id=f"{prefix}writer")
        await producer.start()
        for value, keep in ((b"1", True), (b"2", False), (b"3", True), (b"4", False)):
            await producer.begin_transaction()
            for number in range(3):
                await producer.send(topic, value, key=b"%d" % number, partition=1)
            await (producer.commit_transaction() if keep else producer.abort_transaction())
        await producer.stop()
        bounds, reader, tp = Bounds(client), Reader(names, client), TopicPartition(topic, 1)
        await asyncio.gather(bounds.open(), reader.open())
        end = 0
        for _ in range(6_000):
            if (end := (await bounds.ends([tp]))[tp]) == 16:  # four times three records and a marker
                break
            await asyncio.sleep(0.01)
        assert await bounds.begins([tp, TopicPartition(topic, 0)]) == {tp: 0, TopicPartition(topic, 0): 0}
        fetched = [each async for each in reader.read(Role.STATE, 1, 0, end)]
        assert [record.value for records, _ in fetched for record in records] == [b"1"] * 3 + [b"3"] * 3
        assert fetched[-1][1] == 16, "the end was reached behind an aborted transaction, where no record tells so"
        rest = [record.value async for records, _ in reader.read(Role.STATE, 1, 9, end) for record in records]
        assert rest == [b"3"] * 2
        assert [each async for each in reader.read(Role.STATE, 1, 16, 16)] == []
        assert [each async for each in reader.read(Role.STATE, 0, 0, 0)] == []
        await asyncio.gather(bounds.close(), reader.close())

    asyncio.run(scenario())


def test_what_lies_behind_an_open_transaction_counts_for_who_waits_for_all_of_it(
    names: dict[Role, str], client: dict[str, Any], prefix: str
) -> None:
    async def scenario() -> None:
        topic = names[Role.CONTACTS]
        mover, upstream = AIOKafkaProducer(**client, transactional_id=f"{prefix}mover"), AIOKafkaProducer(**client)
        bounds, tp = Bounds(client), TopicPartition(topic, 0)
        await asyncio.gather(mover.start(), upstream.start(), bounds.open())
        await upstream.send_and_wait(topic, b"before", partition=0)
        await mover.begin_transaction()
        await mover.send_and_wait(topic, b"moved here", partition=0)
        await upstream.send_and_wait(topic, b"an unsubscribe", partition=0)
        assert (await bounds.ends([tp]))[tp] == 1
        assert (await bounds.heads([tp]))[tp] == 3
        await mover.abort_transaction()
        await asyncio.gather(mover.stop(), upstream.stop(), bounds.close())

    asyncio.run(scenario())

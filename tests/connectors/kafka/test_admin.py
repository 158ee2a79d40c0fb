"""Topics are made from the catalogue, once, and never bent to what is there."""

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from connectors.kafka.admin import Admin, ensure_topics, topic_ids
from connectors.kafka.errors import BrokerUnavailable, TopicsUnfit
from connectors.kafka.security import Security
from events.topics import CATALOGUE, Role, name

pytestmark = pytest.mark.kafka


def test_the_catalogue_is_made_once(kafka_admin: Admin, prefix: str) -> None:
    made = kafka_admin.ensure(prefix, partitions=3, replication=1, embedded=True)
    assert set(made) == {name(prefix, topic.role) for topic in CATALOGUE}
    ids = kafka_admin.topic_ids(prefix)
    assert kafka_admin.ensure(prefix, partitions=3, replication=1, embedded=True) == []
    assert kafka_admin.topic_ids(prefix) == ids
    counts = {role: state.partitions for role, state in kafka_admin.describe(prefix).items()}
    assert counts == {topic.role: topic.count(3) for topic in CATALOGUE}
    assert kafka_admin.unfit(prefix, 3, embedded=True) == []


def test_a_topic_holds_records_once_something_was_written_to_it(
    kafka: str, kafka_security: Security, kafka_admin: Admin, prefix: str
) -> None:
    letters = name(prefix, Role.DEAD_LETTERS)
    assert not kafka_admin.holds_records(letters)
    kafka_admin.ensure(prefix, partitions=2, replication=1, embedded=True)
    assert not kafka_admin.holds_records(letters)

    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=kafka, **kafka_security.arguments()) as producer:
            await producer.send_and_wait(letters, b"{}")

    asyncio.run(write())
    assert kafka_admin.holds_records(letters)


def test_another_number_of_partitions_is_refused_and_nothing_is_made(kafka_admin: Admin, prefix: str) -> None:
    kafka_admin.ensure(prefix, partitions=3, replication=1, embedded=True)
    journal = name(prefix, Role.JOURNAL)
    kafka_admin.delete([journal])
    with pytest.raises(TopicsUnfit) as refused:
        kafka_admin.ensure(prefix, partitions=4, replication=1, embedded=True)
    assert "have 3 partitions, RECADO_PARTITIONS says 4" in str(refused.value)
    assert name(prefix, Role.CONTACTS) in str(refused.value)
    assert Role.JOURNAL not in kafka_admin.describe(prefix)


def test_a_topic_that_was_deleted_and_made_again_has_another_id(kafka_admin: Admin, prefix: str) -> None:
    kafka_admin.ensure(prefix, partitions=1, replication=1, embedded=True)
    journal = name(prefix, Role.JOURNAL)
    before = kafka_admin.topic_ids(prefix)[journal]
    assert str(uuid.UUID(before)) == before
    kafka_admin.delete([journal])
    kafka_admin.ensure(prefix, partitions=1, replication=1, embedded=True)
    assert kafka_admin.topic_ids(prefix)[journal] != before


def test_more_replicas_than_brokers_is_said_with_both_numbers(kafka_admin: Admin, prefix: str) -> None:
    wanted = kafka_admin.brokers() + 1
    with pytest.raises(BrokerUnavailable, match=rf"cannot have {wanted} replicas.*RECADO_REPLICATION"):
        kafka_admin.ensure(prefix, partitions=1, replication=wanted, embedded=True)
    assert kafka_admin.describe(prefix) == {}


def test_missing_topics_are_problems_and_no_offsets(kafka_admin: Admin, prefix: str) -> None:
    assert len(kafka_admin.unfit(prefix, 8, embedded=True)) == len(CATALOGUE)
    assert kafka_admin.end_offsets([name(prefix, Role.JOURNAL)], committed=True) == {}
    assert kafka_admin.topic_ids(prefix) == {}


def test_a_group_that_never_was_has_no_offsets(kafka_admin: Admin, prefix: str) -> None:
    assert kafka_admin.group_offsets(f"{prefix}nobody") == {}


def test_the_functions_open_a_connection_of_their_own(kafka: str, kafka_security: Security, prefix: str) -> None:
    made = ensure_topics(kafka, prefix, 1, 1, security=kafka_security, embedded=True)
    assert sorted(topic_ids(kafka, prefix, kafka_security)) == sorted(made)

"""A publisher: each event in the partition of its key, durable or named as not so."""

import pytest
from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.admin import Admin
from connectors.kafka.errors import BrokerUnavailable
from connectors.kafka.publisher import Publisher
from connectors.kafka.security import Security
from events.topics import Role, name, partition_of

pytestmark = pytest.mark.kafka

PARTITIONS = 4


def test_events_lie_in_the_partition_of_their_key_in_the_order_given(
    kafka: str, kafka_security: Security, kafka_admin: Admin, prefix: str
) -> None:
    kafka_admin.ensure(prefix, PARTITIONS, 1, embedded=True)
    keys = [f"acme/contact-{number % 7}".encode() for number in range(70)]
    heard: list[int] = []
    with Publisher(kafka, prefix, kafka_security, heard.append) as publisher:
        for number, key in enumerate(keys):
            publisher.publish(Role.CONTACTS, key, b"%d" % number, tag=number)
    assert (publisher.durable, publisher.failed, sum(heard)) == (70, 0, 70)
    topic = name(prefix, Role.CONTACTS)
    for partition, values in _read(kafka, kafka_security, topic, total=70).items():
        assert values == [n for n, key in enumerate(keys) if partition_of(key, PARTITIONS) == partition]


def test_a_topic_that_does_not_exist_is_named_and_not_made(
    kafka: str, kafka_security: Security, kafka_admin: Admin, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kafka.publisher.CONNECT", 1.0)
    with Publisher(kafka, prefix, kafka_security) as publisher, pytest.raises(BrokerUnavailable, match="has no topic"):
        publisher.publish(Role.CONTACTS, b"acme/ana", b"{}")
    assert kafka_admin.names(prefix) == []


def test_an_event_that_the_broker_refuses_is_a_failure_with_its_tag(
    kafka: str, kafka_security: Security, kafka_admin: Admin, prefix: str
) -> None:
    kafka_admin.ensure(prefix, PARTITIONS, 1, embedded=True)
    with Publisher(kafka, prefix, kafka_security) as publisher:
        publisher.publish(Role.CONTACTS, b"acme/ana", b"{}", tag="line 1")
        publisher.flush()
        publisher.publish(Role.CONTACTS, b"acme/ana", bytes(1_500_000), tag="line 2")  # the topic takes 1 MiB
    assert publisher.durable == 1
    assert publisher.failed == 1
    assert [failure.tag for failure in publisher.failures] == ["line 2"]


def _read(bootstrap: str, security: Security, topic: str, total: int) -> dict[int, list[int]]:
    """The numbers in each partition of `topic`, once `total` were read."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","), auto_offset_reset="earliest", **security.arguments()
    )
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        found: dict[int, list[int]] = {partition: [] for partition in range(PARTITIONS)}
        while sum(map(len, found.values())) < total:
            polled = consumer.poll(timeout_ms=10_000)
            assert polled, "the broker gave nothing for ten seconds"
            for tp, records in polled.items():
                found[tp.partition] += [int(record.value) for record in records]
        return found
    finally:
        consumer.close()

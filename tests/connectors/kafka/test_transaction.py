import asyncio

import pytest
from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.admin import Admin
from connectors.kafka.security import Security
from connectors.kafka.transaction import TransactionLog
from connectors.ports import Commit, Fenced, Message
from events.topics import Role, name

pytestmark = pytest.mark.kafka
FACT = Message(b"acme/ana", b"{}")
MOVED = [(role, Message(b"acme/ana", b"{}")) for role in (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER)]


@pytest.fixture
def topics(kafka_admin: Admin, prefix: str) -> dict[Role, str]:
    kafka_admin.ensure(prefix, 1, 1, embedded=False)
    return {role: name(prefix, role) for role in Role}


@pytest.mark.parametrize(
    "commit",
    [
        Commit(changes={b"k": b"v"}, at=1),
        # While it asks where these topics lie, the producer's own task learns of the end first.
        Commit(facts=[FACT], changes={b"k": b"v"}, moved=MOVED, at=1),
    ],
    ids=["a commit to one topic", "a commit to topics not written to before"],
)
def test_a_former_owner_is_told_that_it_is_fenced_and_nothing_else(
    kafka: str, kafka_security: Security, topics: dict[Role, str], commit: Commit
) -> None:
    client = {"bootstrap_servers": kafka, **kafka_security.arguments()}

    async def scenario() -> None:
        former, owner = (TransactionLog(topics, 0, f"{topics[Role.STATE]}-0", client) for _ in range(2))
        await former.open()
        await former.commit(Commit(changes={b"k": b"former"}, at=1))
        await owner.open()
        with pytest.raises(Fenced, match="another worker"):
            await former.commit(commit)
        await owner.commit(Commit(facts=[FACT], changes={b"k": b"owner"}, at=2))
        await former.close()
        await owner.close()

    asyncio.run(scenario())
    assert committed(kafka, kafka_security, topics[Role.STATE]) == [b"former", b"owner"]
    assert committed(kafka, kafka_security, topics[Role.JOURNAL]) == [FACT.value]


def committed(kafka: str, security: Security, topic: str) -> list[bytes | None]:
    """What a reader of committed records finds."""
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.split(","), isolation_level="read_committed", group_id=None, **security.arguments()
    )
    try:
        at = TopicPartition(topic, 0)
        consumer.assign([at])
        consumer.seek_to_beginning(at)
        end = consumer.end_offsets([at])[at]
        found: list[bytes | None] = []
        while consumer.position(at) < end:
            for records in consumer.poll(timeout_ms=500).values():
                found += [record.value for record in records]
        return found
    finally:
        consumer.close()

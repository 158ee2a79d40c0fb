"""Topics of its own for each test of the engine."""

import uuid

import pytest

from connectors.kafka.admin import Admin
from connectors.kafka.security import Security
from events import topics
from events.topics import Role
from tests.streams.engine.in_process import PARTITIONS, Cluster


@pytest.fixture
def cluster(kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str) -> Cluster:
    """All topics of the catalogue, on the session's broker."""
    kafka_admin.ensure(prefix, PARTITIONS, 1, embedded=True)
    ids = kafka_admin.topic_ids(prefix)
    names = {role: topics.name(prefix, role) for role in Role}
    return Cluster(
        kafka, {"bootstrap_servers": kafka, **kafka_security.arguments()}, names,
        {role.value: ids[name] for role, name in names.items()}, f"{prefix.rstrip('.')}-{uuid.uuid4().hex[:4]}",
    )  # fmt: skip

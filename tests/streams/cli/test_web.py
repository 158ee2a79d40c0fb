"""`recado http` over a real broker: what it answers 202 is in Kafka, in its contact's partition."""

import json
import os
import select
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from connectors.credentials import api_key
from connectors.kafka.admin import Admin
from connectors.kafka.security import Security
from events.partition import partition_of
from events.topics import Role, name
from streams.cli.place import free_port

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[3]
PARTITIONS = 3
WITHIN = 60  # seconds, of a machine under load
KEY = {"Authorization": f"Bearer {api_key(bytes(32), 'acme')}"}


@contextmanager
def serving(environment: dict[str, str], port: int) -> Iterator[str]:
    """`recado http`, ready; its URL."""
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streams.cli", "http"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + WITHIN
            while not is_ready(url):
                assert process.poll() is None, "recado http ended"
                assert time.monotonic() < deadline, "recado http is not ready"
                select.select([], [], [], 0.1)
            yield url
        finally:
            process.terminate()
            process.wait(WITHIN)


def is_ready(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:  # noqa: S310 -- our own server
        return bool(answer.status == 200)
    return False


def ask(url: str, method: str, body: bytes, headers: dict[str, str] = KEY) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310 -- our own server
    with urllib.request.urlopen(request, timeout=WITHIN) as answer:  # noqa: S310 -- our own server
        return answer.status, json.loads(answer.read())


def records(bootstrap: str, topic: str, security: Security) -> list[tuple[int, bytes, bytes]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, **security.arguments())
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for batch in consumer.poll(timeout_ms=200).values():
                found += [(record.partition, record.key, record.value) for record in batch]
        return found
    finally:
        consumer.close()


def test_an_edit_a_send_and_an_event_are_in_kafka_once_they_are_answered(
    kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str, tmp_path: Path
) -> None:
    kafka_admin.ensure(prefix, PARTITIONS, 1, embedded=False)
    port = free_port()
    environment = os.environ | {
        "RECADO_KAFKA": kafka, "RECADO_TOPIC_PREFIX": prefix, "RECADO_SECRET": "A" * 43 + "=",
        "RECADO_DATA": str(tmp_path / "data"), "RECADO_HTTP": f"127.0.0.1:{port}",
    }  # fmt: skip
    event = {
        "specversion": "1.0", "id": "e-1", "source": "/shop", "type": "recado.contact.updated.v1",
        "subject": "acme/leo@example.com", "time": "2026-11-23T07:00:00Z",
        "data": {"via": "workflow", "fields": {"city": "Lugo"}},
    }  # fmt: skip
    send = {"contact": "ana@example.com", "class": "transactional", "sender": "Acme", "text": "Hola"}
    with serving(environment, port) as url:
        contact = f"{url}/v1/accounts/acme/contacts/ana@example.com"
        assert ask(contact, "PATCH", b'{"city": "Vigo"}')[0] == 202
        assert ask(f"{url}/v1/accounts/acme/sends", "POST", json.dumps(send).encode())[0] == 202
        assert ask(f"{url}/v1/events", "POST", json.dumps([event]).encode())[0] == 202
    ana, leo = (f"acme/{contact}@example.com".encode() for contact in ("ana", "leo"))
    contacts = records(kafka, name(prefix, Role.CONTACTS), kafka_security)
    assert sorted((p, k) for p, k, _ in contacts) == sorted((partition_of(k, PARTITIONS), k) for k in (ana, leo))
    ((partition, key, _),) = records(kafka, name(prefix, Role.TRANSACTIONAL), kafka_security)
    assert (partition, key) == (partition_of(ana, PARTITIONS), ana)

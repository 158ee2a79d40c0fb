"""recado.accounts in every process: read from its beginning, kept current, and bad records passed and told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from connectors.kafka.accounts import AccountsReader
from connectors.kafka.admin import Admin
from connectors.kafka.security import Security
from connectors.ports import MachineryFault
from events import topics
from events.account import AccountConfigured
from events.codec import encode_input
from events.envelope import Input
from events.examples import SEVEN
from events.topics import Role
from projections.account import Directory

pytestmark = pytest.mark.kafka


@pytest.fixture
def topic(kafka_admin: Admin, prefix: str) -> str:
    kafka_admin.ensure(prefix, 1, 1, embedded=True)
    return topics.name(prefix, Role.ACCOUNTS)


@pytest.fixture
def client(kafka: str, kafka_security: Security) -> dict[str, Any]:
    return {"bootstrap_servers": kafka, **kafka_security.arguments()}


def configured(account: str, **settings: Any) -> bytes:
    data = AccountConfigured.of_json(settings)
    return encode_input(Input.of(data, id=f"{account} {settings}", source="/test", subject=account, time=SEVEN))


async def publish(topic: str, client: dict[str, Any], *values: bytes) -> None:
    producer = AIOKafkaProducer(**client)
    await producer.start()
    for value in values:
        await producer.send(topic, value, partition=0)
    await producer.stop()


@asynccontextmanager
async def reading(topic: str, client: dict[str, Any]) -> AsyncIterator[AccountsReader]:
    reader = AccountsReader(topic, client, Directory())
    await reader.open()
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await reader.close()


def test_what_lies_there_is_read_before_anything_is_decided_and_what_comes_is_told(
    topic: str, client: dict[str, Any]
) -> None:
    async def scenario() -> None:
        await publish(topic, client, configured("acme", country="ES"), b"no event", configured("other", country="PT"))
        async with reading(topic, client) as reader:
            changed = asyncio.Event()
            await reader.caught_up()
            assert reader.version == 3
            acme = reader.directory.account("acme")
            assert acme is not None
            assert acme.country == "ES"
            assert reader.directory.account("other") is not None
            assert [record.offset for record in reader.unreadable] == [1]
            reader.changed = changed.set
            await publish(topic, client, configured("acme", country="FR"))
            await asyncio.wait_for(changed.wait(), 60)
            await reader.caught_up()
            acme = reader.directory.account("acme")
            assert acme is not None
            assert (acme.country, reader.version) == ("FR", 4)

    asyncio.run(scenario())


def test_an_empty_topic_is_caught_up_with_at_once(topic: str, client: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with reading(topic, client) as reader:
            await reader.caught_up()
            assert reader.version == 0

    asyncio.run(scenario())


def test_a_topic_that_is_not_read_in_time_is_a_fault_in_words(topic: str, client: dict[str, Any]) -> None:
    async def scenario() -> None:
        await publish(topic, client, configured("acme", country="ES"))
        reader = AccountsReader(topic, client, Directory())
        await reader.open()
        with pytest.raises(MachineryFault, match="was read up to 0 of 1 only"):
            await reader.caught_up(seconds=0.05)
        await reader.close()

    asyncio.run(scenario())

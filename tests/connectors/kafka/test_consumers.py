"""A consumer is closed whatever its fetches are at, and only its owner's own cancellation is raised."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NodeNotReadyError

from connectors.kafka import consumers
from connectors.kafka.admin import Admin
from connectors.kafka.security import Security
from events import topics
from events.topics import Role

pytestmark = pytest.mark.kafka

HOUR = 3_600_000  # ms


async def waiting_to_fetch_again(prefix: str, client: dict[str, Any]) -> AIOKafkaConsumer:
    """A consumer, one of whose fetches has failed and waits, for an hour, to be tried again."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, retry_backoff_ms=HOUR, auto_offset_reset="earliest", **client)
    await consumer.start()
    tried = asyncio.Event()

    async def away(*_: Any, **__: Any) -> None:
        tried.set()
        raise NodeNotReadyError("the broker is away")

    consumer._client.send = away
    tp = TopicPartition(topics.name(prefix, Role.JOURNAL), 0)
    consumer.assign([tp])
    consumer.seek(tp, 0)
    await tried.wait()
    await asyncio.sleep(0)  # the fetch begins to wait
    return consumer


@pytest.fixture
def client(kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str) -> dict[str, Any]:
    kafka_admin.ensure(prefix, 1, 1, embedded=True)
    return {"bootstrap_servers": kafka, **kafka_security.arguments()}


def test_a_consumer_whose_fetch_waits_to_be_tried_again_is_closed(prefix: str, client: dict[str, Any]) -> None:
    async def scenario() -> None:
        consumer = await waiting_to_fetch_again(prefix, client)
        fetches = list(consumer._fetcher._pending_tasks)
        assert fetches
        await consumers.close(consumer)
        assert all(fetch.done() for fetch in fetches)
        assert not any(connection.connected() for connection in consumer._client._conns.values())
        assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}  # type: ignore[union-attr]

    asyncio.run(scenario())


def test_what_went_wrong_before_is_what_is_raised(prefix: str, client: dict[str, Any]) -> None:
    async def scenario() -> None:
        consumer = await waiting_to_fetch_again(prefix, client)
        try:
            raise ValueError("what went wrong")
        finally:
            await consumers.close(consumer)

    with pytest.raises(ValueError, match="what went wrong"):
        asyncio.run(scenario())


def test_a_closing_that_is_cancelled_is_cancelled(prefix: str, client: dict[str, Any]) -> None:
    async def scenario() -> None:
        consumer = await waiting_to_fetch_again(prefix, client)
        begun, stop = asyncio.Event(), consumer.stop

        async def held() -> None:
            begun.set()
            await asyncio.Event().wait()

        consumer.stop = held
        closing = asyncio.create_task(consumers.close(consumer))
        await begun.wait()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        consumer.stop = stop
        await consumers.close(consumer)

    asyncio.run(scenario())

"""Single records into a real broker, each durable before it counts; and a broker that is not there, or dies."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.admin import Admin
from connectors.kafka.appender import Appended, KafkaAppender, MemoryAppender, NotDurable
from connectors.kafka.embedded import EmbeddedKafka
from connectors.kafka.security import Security
from events.topics import Role, name

RECORD = Appended("recado.callbacks", 3, b"acme", b'{"a":1}')


@asynccontextmanager
async def appender(
    bootstrap: str, security: Security | None = None, wait: float = 20.0
) -> AsyncIterator[KafkaAppender]:
    arguments: dict[str, Any] = (security or Security()).arguments()
    opened = KafkaAppender({"bootstrap_servers": bootstrap} | arguments, first_pause=0.05)
    await opened.open(wait)
    try:
        yield opened
    finally:
        await opened.close()


async def read_all(bootstrap: str, topic: str, partition: int, security: Security) -> list[tuple[bytes, bytes]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, **security.arguments())
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[tuple[bytes, bytes]] = []
        while len(found) < end:
            record = await consumer.getone()
            found.append((record.key, record.value))
        return found
    finally:
        await consumer.stop()


@pytest.mark.kafka
def test_a_record_is_in_its_partition_once_append_returns(
    kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str
) -> None:
    kafka_admin.ensure(prefix, 4, 1, embedded=False)
    topic = name(prefix, Role.CALLBACKS)

    async def scenario() -> None:
        async with appender(kafka, kafka_security) as opened:
            assert opened.ready
            await opened.append(topic, 3, b"acme", b"one")
            assert await read_all(kafka, topic, 3, kafka_security) == [(b"acme", b"one")]
            await asyncio.gather(*(opened.append(topic, 2, b"acme", str(n).encode()) for n in range(200)))
            assert len(await read_all(kafka, topic, 2, kafka_security)) == 200

    asyncio.run(scenario())


@pytest.mark.kafka
def test_a_record_that_the_broker_refuses_is_not_durable_and_the_next_one_is(
    kafka: str, kafka_admin: Admin, kafka_security: Security, prefix: str
) -> None:
    kafka_admin.ensure(prefix, 1, 1, embedded=False)
    topic = name(prefix, Role.CALLBACKS)

    async def scenario() -> None:
        async with appender(kafka, kafka_security) as opened:
            with pytest.raises(NotDurable):
                await opened.append(topic, 0, b"acme", b"x" * 5_000_000)
            await opened.opened(20)
            await opened.append(topic, 0, b"acme", b"small")
            assert await read_all(kafka, topic, 0, kafka_security) == [(b"acme", b"small")]

    asyncio.run(scenario())


@pytest.mark.kafka
def test_a_broker_that_dies_is_awaited_and_what_was_acknowledged_is_still_there(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    bootstrap = own_kafka.start(tmp_path)
    port = int(bootstrap.rpartition(":")[2])
    with Admin(bootstrap) as admin:
        admin.ensure("recado.", 1, 1, embedded=True)

    async def scenario() -> None:
        async with appender(bootstrap) as opened:
            await opened.append("recado.callbacks", 0, b"acme", b"before")
            own_kafka.kill()
            with pytest.raises((NotDurable, TimeoutError)):
                async with asyncio.timeout(1.0):
                    await opened.append("recado.callbacks", 0, b"acme", b"meanwhile")
            assert not opened.ready
            await asyncio.to_thread(own_kafka.start, tmp_path, port)
            await until_appended(opened, b"after")
            await until_ready(opened)
            values = [value for _, value in await read_all(bootstrap, "recado.callbacks", 0, Security())]
            assert values[0] == b"before"
            assert set(values) <= {b"before", b"meanwhile", b"after"}
            assert b"after" in values

    asyncio.run(scenario())


async def until_appended(opened: KafkaAppender, value: bytes) -> None:
    """Repeat as the provider would, for 20 seconds at most."""
    end = time.monotonic() + 20
    while True:
        try:
            async with asyncio.timeout(5.0):
                await opened.append("recado.callbacks", 0, b"acme", value)
                return
        except (NotDurable, TimeoutError):
            if time.monotonic() > end:
                raise


async def until_ready(opened: KafkaAppender) -> None:
    async with asyncio.timeout(20):
        while not opened.ready:  # noqa: ASYNC110 -- as a load balancer would ask
            await asyncio.sleep(0.05)


def test_without_a_broker_nothing_is_durable_and_nothing_waits() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        bootstrap = f"127.0.0.1:{unused.getsockname()[1]}"

        async def scenario() -> None:
            async with appender(bootstrap, wait=0.2) as opened:
                assert not opened.ready
                with pytest.raises(NotDurable, match="cannot be reached"):
                    await opened.append(*RECORD)

        asyncio.run(scenario())


def test_an_appender_in_memory_refuses_while_it_is_down() -> None:
    async def scenario() -> None:
        memory = MemoryAppender(down=True)
        with pytest.raises(NotDurable):
            await memory.append(*RECORD)
        memory.down = False
        await memory.append(*RECORD)
        assert memory.records == [RECORD]

    asyncio.run(scenario())

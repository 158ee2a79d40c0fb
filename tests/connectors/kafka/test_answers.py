"""Answers on a real broker: durable when `append` returns, in order, few batches for many, and a refusal told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition

from connectors.kafka.admin import Admin
from connectors.kafka.answers import AnswersTopic
from connectors.kafka.changelog import Bounds, Reader
from connectors.kafka.security import Security
from connectors.ports import MachineryFault
from events.topics import Role, name

pytestmark = pytest.mark.kafka

MANY = 300


@pytest.fixture
def client(kafka: str, kafka_security: Security) -> dict[str, Any]:
    return {"bootstrap_servers": kafka, **kafka_security.arguments()}


@pytest.fixture
def topic(kafka_admin: Admin, prefix: str) -> str:
    kafka_admin.ensure(prefix, 4, 1, embedded=False)
    return name(prefix, Role.ANSWERS)


@asynccontextmanager
async def opened(topic: str, client: dict[str, Any]) -> AsyncIterator[AnswersTopic]:
    answers = AnswersTopic(topic, client)
    await answers.open()
    try:
        yield answers
    finally:
        await answers.close()


async def found(topic: str, client: dict[str, Any], partition: int) -> list[tuple[bytes | None, bytes | None]]:
    """What lies there at this moment."""
    tp, bounds, reader = TopicPartition(topic, partition), Bounds(client), Reader({Role.ANSWERS: topic}, client)
    await asyncio.gather(bounds.open(), reader.open())
    try:
        end = (await bounds.ends([tp]))[tp]
        read = [records async for records, _ in reader.read(Role.ANSWERS, partition, 0, end)]
        return [(record.key, record.value) for records in read for record in records]
    finally:
        await asyncio.gather(bounds.close(), reader.close())


def test_an_answer_is_in_its_partition_once_append_returns(topic: str, client: dict[str, Any]) -> None:
    async def scene() -> None:
        async with opened(topic, client) as answers:
            await answers.append(2, [(b"acme/ana", b"1")])
            assert await found(topic, client, 2) == [(b"acme/ana", b"1")]
            await answers.append(2, [(b"acme/bea", b"2"), (b"acme/ana", b"3")])
            assert await found(topic, client, 2) == [(b"acme/ana", b"1"), (b"acme/bea", b"2"), (b"acme/ana", b"3")]
            assert await found(topic, client, 1) == []

    asyncio.run(scene())


def test_answers_that_come_while_others_are_on_their_way_share_a_batch(
    topic: str, client: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with opened(topic, client) as answers:
            send, batches = answers._producer.send_batch, 0

            async def counted(*given: Any, **named: Any) -> Any:
                nonlocal batches
                batches += 1
                return await send(*given, **named)

            monkeypatch.setattr(answers._producer, "send_batch", counted)

            async def one(number: int) -> None:
                await answers.append(number % 2, [(b"acme/ana", b"%d" % number)])
                durable = await found(topic, client, number % 2) if number % 100 == 0 else None
                assert durable is None or (b"acme/ana", b"%d" % number) in durable

            await asyncio.gather(*map(one, range(MANY)))
            for partition in (0, 1):
                there = [value for _, value in await found(topic, client, partition)]
                assert there == [b"%d" % number for number in range(partition, MANY, 2)]
            assert batches < MANY / 10

    asyncio.run(scene())


def test_an_answer_that_the_broker_refuses_is_told_to_all_that_went_with_it(
    topic: str, client: dict[str, Any], kafka_admin: Admin
) -> None:
    async def scene() -> None:
        async with opened(topic, client) as answers:
            huge = b"x" * (2 * 1024 * 1024)
            ended = await asyncio.gather(
                answers.append(0, [(b"acme/ana", huge)]), answers.append(0, [(b"acme/bea", b"1")]),
                return_exceptions=True,
            )  # fmt: skip
            assert [type(each) for each in ended] == [MachineryFault, MachineryFault]
            assert "xxx" not in str(ended[0]), "nothing of what an answer says"
            await answers.append(1, [(b"acme/bea", b"2")])

    asyncio.run(scene())


def test_who_gives_up_waiting_takes_nobody_else_along(topic: str, client: dict[str, Any]) -> None:
    async def scene() -> None:
        async with opened(topic, client) as answers:
            impatient = asyncio.create_task(answers.append(3, [(b"acme/ana", b"1")]))
            other = asyncio.create_task(answers.append(3, [(b"acme/bea", b"2")]))
            await asyncio.sleep(0)
            impatient.cancel()
            await other
            assert await found(topic, client, 3) == [(b"acme/ana", b"1"), (b"acme/bea", b"2")]

    asyncio.run(scene())

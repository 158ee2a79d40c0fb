"""What a fetch waits for is asked for before it is handed over; only sends cannot go on without the answer."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from faust.types import TP

from connectors.memory import MemoryBroker
from connectors.ports import Fetch, Message
from events.topics import Role
from streams.engine.horizon import Horizon
from streams.intake import Limits

NAMES = {role: f"recado.{role}" for role in Role}


def bounded(roles: tuple[Role, ...], answer: dict[TopicPartition, int] | Exception | None) -> list[Fetch]:
    """Fetches of partition 3 as they are handed over; an `answer` of None never comes."""

    async def heads(asked: set[TopicPartition]) -> dict[TopicPartition, int]:
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return {tp: (answer or {}).get(tp, 0) for tp in asked}

    wiring = SimpleNamespace(topics=NAMES, inputs=(), limits=Limits(patience=10))
    horizon = Horizon(cast("Any", wiring), cast("Any", SimpleNamespace(heads=heads)))
    broker = MemoryBroker()
    for role in roles:
        broker.publish(role, 3, Message(b"acme/ana", b"{}"), 0)
    fetches = [(TP(NAMES[role], 3), broker.fetch(role, 3, 0, 0)) for role in roles]
    handed = asyncio.run(horizon.behind(fetches))
    return [fetch for _, fetch in handed]


def test_contacts_learn_the_end_of_accounts_and_callbacks_nothing() -> None:
    contacts, callbacks = bounded((Role.CONTACTS, Role.CALLBACKS), {TopicPartition(NAMES[Role.ACCOUNTS], 0): 7})
    assert contacts.ends == {Role.ACCOUNTS: 7}
    assert callbacks.ends == {}


@pytest.mark.parametrize("answer", [None, KafkaConnectionError("the leader of recado.accounts is away")])
def test_contacts_and_callbacks_go_on_where_nobody_tells_it(answer: Exception | None) -> None:
    assert [fetch.role for fetch in bounded((Role.CONTACTS, Role.CALLBACKS), answer)] == [
        Role.CONTACTS,
        Role.CALLBACKS,
    ]


def test_sends_do_not() -> None:
    with pytest.raises(KafkaError):
        bounded((Role.CONTACTS, Role.TRANSACTIONAL), KafkaConnectionError("away"))

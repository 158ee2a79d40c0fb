"""What a fetch waits for is asked for before it is handed over; only sends cannot go on without the answer."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from faust.types import TP

from connectors.memory import MemoryBroker
from connectors.ports import Fetch, MachineryFault, Message
from events.topics import Role
from streams.engine import horizon
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
    asked = Horizon(cast("Any", wiring), cast("Any", SimpleNamespace(heads=heads)))
    broker = MemoryBroker()
    for role in roles:
        broker.publish(role, 3, Message(b"acme/ana", b"{}"), 0)
    fetches = [(TP(NAMES[role], 3), broker.fetch(role, 3, 0, 0)) for role in roles]
    handed = asyncio.run(asked.behind(fetches))
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


class Topic:
    """Bounds of topics in which another worker's transaction is open, and ends at the second question, or never."""

    def __init__(self, ends: list[int]) -> None:
        self._ends = iter(ends)
        self._last = 0

    async def begins(self, asked: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(asked, 0)

    async def heads(self, asked: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(asked, 12)

    async def ends(self, asked: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        self._last = next(self._ends, self._last)
        return dict.fromkeys(asked, self._last)


def taken_over(topic: Topic) -> Mapping[int, Mapping[Role, tuple[int, int]]]:
    wiring = SimpleNamespace(topics=NAMES, inputs=(Role.CONTACTS,), limits=Limits())
    return asyncio.run(Horizon(cast("Any", wiring), cast("Any", topic)).of([3]))


def test_a_transaction_of_the_worker_that_has_overtaken_this_one_is_waited_for() -> None:
    reach = taken_over(Topic([10, 15]))
    assert reach[3][Role.JOURNAL] == reach[3][Role.STATE] == (0, 15)


def test_one_that_does_not_end_stops_the_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horizon, "ENDS_WITHIN", 0.2)
    with pytest.raises(MachineryFault, match=r"\[3\] holds records of a transaction without an end from offset 10 on"):
        taken_over(Topic([10]))


def test_a_worker_that_was_frozen_behind_the_question_asks_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock has gone on meanwhile, and nobody has waited."""
    moments = iter([0.0, 1.0, 60.0])
    monkeypatch.setattr(horizon, "monotonic", lambda: next(moments))
    assert taken_over(Topic([10, 15]))[3][Role.STATE] == (0, 15)

"""A provider that takes every connection and never answers, over real HTTP: another account's password goes by it."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from connectors import simulator, tokens
from connectors.carriers.connections import Connections
from connectors.memory import MemoryAnswers, MemoryBroker
from connectors.simulator import Config, Fault, Token
from events.account import AccountConfigured
from events.answer import AnswerReceived
from events.codec import decode_input
from events.envelope import Input
from events.topics import CLASS_OF, Role
from projections.account import Directory
from projections.send import Call
from streams.lane import SLOW
from streams.provider import AccountProvider
from streams.sender import BULK, BULK_SLOTS, CONNECTIONS, SINGLE_SLOTS, Sender
from tests.streams.memory_world import NOON, PARTITION, Hand, Held, call_of

SECRET = bytes(range(32))
HANGS = "+34600000001"


def configured(directory: Directory, account: str, url: str) -> None:
    plain = {"country": "ES", "connector": {"provider": "instasent", "base_url": url, "token": account}}
    sealed = tokens.sealed(SECRET, account, AccountConfigured.of_json(plain))
    event = Input.of(sealed, id=account, source="/c", subject=account, time=NOON)
    directory.evolve(event, directory.version)


def call(account: str, name: str, role: Role, to: str) -> Call:
    return replace(call_of(name, role), account=account, subject=f"{account}/{name}", client_id=name, to=to)


@pytest.mark.parametrize(
    ("role", "calls", "each"), [(Role.TRANSACTIONAL, SINGLE_SLOTS, 1), (Role.NEWSLETTER, BULK_SLOTS, BULK)]
)
def test_an_account_whose_provider_hangs_in_all_slots_holds_up_no_other(role: Role, calls: int, each: int) -> None:
    async def scenario() -> None:
        directory, broker, clock = Directory(), MemoryBroker(), Hand()
        tasks: set[asyncio.Task[None]] = set()
        failures: list[BaseException] = []
        answered = asyncio.Event()
        config = Config(tokens=(Token(token="acme"), Token(token="shop")))
        async with simulator.running(config) as running, Connections(limit=CONNECTIONS) as connections:
            for account in ("acme", "shop"):
                configured(directory, account, running.url)
            pools = {CLASS_OF[role]: connections}
            provider = AccountProvider(directory, SECRET, pools, "http://127.0.0.1")

            def spawn(coroutine: Coroutine[Any, Any, None]) -> None:
                tasks.add(asyncio.create_task(coroutine))

            sender = Sender(
                provider, MemoryAnswers(broker), Held(), clock, spawn, failures.append, answered.set,
                several=directory.several,
            )  # fmt: skip
            running.faults.order([Fault(kind="stall_after", to=HANGS)])
            for number in range(calls):
                attempts = [call("acme", f"{number}-{one}", role, HANGS) for one in range(each)]
                for one in attempts:
                    sender.reserve(one)
                sender.start(attempts, 1)
            assert sender.free(role) == 0
            async with asyncio.timeout(60):
                while len(running.ledger.entries) < calls * each:  # noqa: ASYNC110 - the simulator tells nobody
                    await asyncio.sleep(0.01)
            clock.at += SLOW + 1
            assert sender.free(role) > 0
            assert sender.put_off("acme", CLASS_OF[role], clock.at, waited=False) is not None
            assert sender.put_off("shop", CLASS_OF[role], clock.at, waited=False) is None
            password = call("shop", "password", role, "+34600000002")
            sender.reserve(password)
            sender.start([password], 1)
            async with asyncio.timeout(60):
                await answered.wait()
            assert sender.busy == calls * each, "and none of the others was answered"
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        (record,) = broker.topic(Role.ANSWERS, PARTITION).records
        told = decode_input(Role.ANSWERS, record.value).data
        assert isinstance(told, AnswerReceived)
        assert (told.client_id, told.outcome) == ("password", "accepted")
        assert failures == []

    asyncio.run(scenario())

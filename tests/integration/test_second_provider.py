"""Two providers end to end, over real HTTP: fail-over, receipts by the ingress, and a list that knows no client id."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from connectors import simulator, tokens
from connectors.carriers.base import Accepted, Answer, Refused, Unknown
from connectors.carriers.connections import Connections
from connectors.credentials import callback_secret
from connectors.http.ingress import Ingress, build_ingress, runner
from connectors.kafka.appender import MemoryAppender
from connectors.memory import MemoryAnswers, MemoryBroker
from connectors.simulator import Config, Fault, Journey, Step, Token
from events.account import AccountConfigured
from events.codec import decode_input
from events.message import MessageStateChanged
from events.send import SendAccepted, SendAttempted, SendDeferred, SendRefused
from events.shape import Class
from events.topics import Role
from projections.send import Call
from streams.gate import Gates, PartitionGate
from streams.provider import AccountProvider
from streams.reconciliation import FIRST
from streams.sweeper import Sweeper
from streams.unsettled import Owned
from tests.streams.memory_world import Hand
from tests.streams.one_partition import KEY, PARTITION, OnePartition

SECRET = bytes(range(32))
TWILIO = f"AC{'0a' * 16}:s3cr3t"
INSTASENT = "t0k3n"
CAMPAIGN = 2  # calls that newsletters may have under way


@dataclass
class Scene:
    """One partition, the sender and the ingress of one account with two connectors, and the simulated providers."""

    running: simulator.Simulator
    world: OnePartition
    gates: Gates
    provider: AccountProvider
    appender: MemoryAppender
    read: int = 0
    answers: list[Answer] = field(default_factory=list)

    async def make(self, call: Call) -> Answer:
        """The one call, its answer told to the gate and to the engine."""
        answer = await self.provider.send(call)
        self.answers.append(answer)
        self.gates.told(call.account, call.class_, [answer], self.world.now, fallback=call.fallback)
        told: dict[str, Any]
        match answer:
            case Accepted():
                told = {"outcome": "accepted", "provider_id": answer.provider_id}
            case Refused():
                told = {"outcome": "refused", "status": answer.status, "final": answer.final}
            case Unknown():
                told = {"outcome": "unknown", "reason": answer.reason}
        self.world.answer(call, **told)
        return answer

    async def receipts(self) -> list[Any]:
        """The receipts that have come, each an input of the engine."""
        await self.running.settled()
        new, self.read = self.appender.records[self.read :], len(self.appender.records)
        assert all(record.partition == PARTITION for record in new)
        before = len(self.world.facts)
        for record in new:
            self.world.handle(decode_input(Role.CALLBACKS, record.value), Role.CALLBACKS)
        return [fact.data for fact in self.world.facts[before:]]


@asynccontextmanager
async def scene(*, revoked: bool = True, **config: Any) -> AsyncIterator[Scene]:
    appender = MemoryAppender()
    accounts = (Token(token=INSTASENT, revoked=revoked), Token(token=TWILIO))
    given = {"tokens": accounts, "callback_retry": 0.001, "journey": (Step(status="delivered", after=0),)}
    world = OnePartition()
    secrets = [callback_secret(SECRET, "acme")]
    ingress = Ingress(appender, "recado.callbacks", PARTITION + 1, lambda _: secrets, KEY, lambda: world.now)
    served = runner(build_ingress(ingress, lambda: True))
    await served.setup()
    await web.TCPSite(served, "127.0.0.1", 0).start()
    public = f"http://127.0.0.1:{served.addresses[0][1]}"
    async with (
        simulator.running(Config.model_validate(given | config)) as running,
        Connections(limit=CAMPAIGN) as campaign,
        Connections() as connections,
    ):
        plain = {
            "connector": {"provider": "instasent", "base_url": running.url, "token": INSTASENT},
            "fallback": {"provider": "twilio", "base_url": running.root, "token": TWILIO},
        }
        sealed = tokens.sealed(SECRET, "acme", AccountConfigured.of_json(plain))
        world.configure(**sealed.model_dump(mode="json", exclude_unset=True))
        gates = Gates()
        world.gate = PartitionGate(gates)
        world.subscriber()
        pools: dict[Class, Connections] = {"transactional": connections, "newsletter": campaign}
        provider = AccountProvider(world.accounts, SECRET, pools, public)
        yield Scene(running, world, gates, provider, appender)
    await served.cleanup()


def test_when_the_first_provider_s_token_is_revoked_new_sends_go_by_the_second_and_are_followed_there() -> None:
    async def scenario() -> None:
        async with scene() as given:
            world = given.world
            assert isinstance(await given.make(world.attempt("s1")), Refused)
            call = world.attempt("s2")
            assert (call.provider, call.fallback) == ("twilio", True)
            assert isinstance(await given.make(call), Accepted)
            moved = [fact for fact in await given.receipts() if isinstance(fact, MessageStateChanged)]
            assert [(fact.send_id, fact.to) for fact in moved] == [("s2", "delivered")]
            world.wait(900_000)
            again = world.calls[-1]
            assert (again.send_id, again.attempt, again.fallback) == ("s1", 2, True)
            await given.make(again)
            await given.receipts()
            assert world.send(again).attempts[-1].state == "delivered"
            assert sorted(given.running.ledger.client_ids.values()) == [1, 1]

    asyncio.run(scenario())


def test_newsletters_that_trickle_go_at_once_at_the_limit_of_1200_a_minute_that_instasent_documents() -> None:
    async def scenario() -> None:
        async with scene(revoked=False, rate_limit=1_200) as given:
            world, made = given.world, 0
            world.now = given.running.provider.now()
            for turn in range(20):
                calls = [c for n in range(1 + turn % 3) for c in world.request(f"n{turn}-{n}", "newsletter").calls]
                assert len(calls) == 1 + turn % 3
                answers = await given.provider.send_many(calls)
                assert all(isinstance(answer, Accepted) for answer in answers)
                given.gates.told("acme", "newsletter", answers, world.now)
                made += len(calls)
                world.wait(2_000)
            assert len(given.running.ledger.entries) == made
            assert not any(isinstance(fact.data, SendDeferred) for fact in world.facts)

    asyncio.run(scenario())


def test_newsletters_that_each_need_a_call_of_their_own_take_no_connection_from_a_password() -> None:
    async def scenario() -> None:
        async with scene() as given:
            world = given.world
            assert isinstance(await given.make(world.attempt("s1")), Refused)
            newsletters = [call for n in range(4) for call in world.request(f"n{n}", "newsletter").calls]
            assert [call.provider for call in newsletters] == ["twilio"] * 4
            given.running.faults.order([Fault(kind="stall_after", to=call.to) for call in newsletters[:1]])
            campaign = asyncio.create_task(given.provider.send_many(newsletters))
            async with asyncio.timeout(30):
                while len(given.running.ledger.entries) < CAMPAIGN:  # noqa: ASYNC110 - the simulator tells nobody
                    await asyncio.sleep(0)
            password = world.attempt("s2", to={"alert": "+34699000111"})
            assert isinstance(await given.make(password), Accepted)
            assert not campaign.done()
            campaign.cancel()

    asyncio.run(scenario())


def test_an_unknown_attempt_at_the_first_is_never_made_at_the_second() -> None:
    async def scenario() -> None:
        async with scene(revoked=False) as given:
            world = given.world
            given.running.faults.order([Fault(kind="drop_after", times=1)])
            unknown = world.attempt("s1")
            assert isinstance(await given.make(unknown), Unknown)
            given.running.faults.order([Fault(kind="status", status=401, times=1)])
            await given.make(world.attempt("s2"))
            assert world.attempt("s3").fallback
            world.wait(4 * 86_400_000)
            assert [call.attempt for call in world.calls if call.send_id == "s1"] == [1]

    asyncio.run(scenario())


def test_what_twilio_took_and_did_not_answer_is_settled_by_its_receipt() -> None:
    async def scenario() -> None:
        async with scene() as given:
            await given.make(given.world.attempt("s1"))
            given.running.faults.order([Fault(kind="drop_after", times=1)])
            given.running.journeys.order([Journey(steps=(Step(status="undelivered", code=30005, after=0),))])
            call = given.world.attempt("s2")
            assert isinstance(await given.make(call), Unknown)
            accepted, moved = await given.receipts()
            assert isinstance(accepted, SendAccepted)
            assert isinstance(moved, MessageStateChanged)
            assert (moved.to, moved.code, moved.bounce) == ("failed", 30005, "hard")

    asyncio.run(scenario())


def test_or_by_its_list_where_it_is_the_only_message_that_looks_like_it() -> None:
    async def scenario() -> None:
        async with scene(journey=()) as given:
            world, clock, broker = given.world, Hand(), MemoryBroker()
            world.now = clock.at = given.running.provider.now()
            await given.make(world.attempt("s1"))
            given.running.faults.order([Fault(kind="drop_after", times=2), Fault(kind="drop_before", times=1)])
            calls = [world.attempt(f"s{n}", text=text) for n, text in ((2, "Uno"), (3, "Dos"), (4, "Tres"))]
            for call in calls:
                assert isinstance(await given.make(call), Unknown)
            await given.make(world.attempt("s5", text="Dos"))
            owned, started = Owned(lambda: {PARTITION: world.view}, KEY, clock), list[Any]()
            answers = MemoryAnswers(broker)
            sweeper = Sweeper(given.provider, answers, clock, started.append, started.append, owned.unsettled)
            sweeper.look()
            clock.at += FIRST
            sweeper.look()
            await started.pop()
            for record in broker.topic(Role.ANSWERS, PARTITION).records:
                world.handle(decode_input(Role.ANSWERS, record.value), Role.ANSWERS)
            phases = [world.send(call).phase for call in calls]
            assert phases == ["accepted", "unknown", "unknown"], "two look like the second, none like the third"
            facts = [fact.data for fact in world.facts if isinstance(fact.data, SendAccepted) and fact.data.settled]
            assert [fact.settled for fact in facts] == [{"evidence": "list"}]
            assert not [fact for fact in world.facts if isinstance(fact.data, SendRefused) and fact.data.attempt > 1]
            assert sum(isinstance(fact.data, SendAttempted) for fact in world.facts) == 5

    asyncio.run(scenario())

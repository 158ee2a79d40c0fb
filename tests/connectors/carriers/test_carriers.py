"""One suite over the carrier in memory, and Instasent's and Twilio's against the simulator: an answer means the same
for all."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import pytest

from connectors import simulator
from connectors.carriers import memory
from connectors.carriers.base import Accepted, Answer, BulkCarrier, Carrier, NotListed, Page, Refused, Unknown
from connectors.carriers.connections import Connections, Course
from connectors.carriers.instasent import Instasent
from connectors.carriers.twilio import Twilio
from connectors.simulator import Config, Fault, Token
from events.likeness import likeness


@dataclass(frozen=True)
class Call:
    client_id: str = "1-1-abcdefghijklmnop-qrstuvwxyz"
    to: str = "+34600000001"
    sender: str = "Acme"
    text: str = "Tu pedido ha llegado"


@dataclass(frozen=True)
class Encoded(Call):
    encoding: Literal["GSM-7", "UCS-2"] = "GSM-7"


ANA = Call()
LUIS = Call(client_id="2-1-abcdefghijklmnop-qrstuvwxyz", to="+34600000002")


class Case(NamedTuple):
    """A fault as the simulator commits it, the answer it has to lead to, and whether the SMS was sent all the same."""

    fault: Fault
    answer: Answer
    taken: bool = False


CASES = {
    "a field is refused": Case(
        Fault(kind="field_error", message="bad"), Refused(400, "to: bad", final=True, scope="message")
    ),
    "the request is not understood": Case(
        Fault(kind="status", status=400), Refused(400, "Problems parsing JSON", final=True, scope="request")
    ),
    "the token is revoked": Case(
        Fault(kind="status", status=401), Refused(401, "Bad credentials", final=False, scope="account")
    ),
    "there are no funds": Case(
        Fault(kind="status", status=402), Refused(402, "NoFundsError", final=False, scope="account")
    ),
    "the base URL is wrong": Case(
        Fault(kind="status", status=404), Refused(404, "Not Found", final=False, scope="account")
    ),
    "the base URL redirects": Case(
        Fault(kind="redirect"),
        Refused(307, "HTTP 307: the base URL redirects elsewhere; correct it", final=False, scope="account"),
    ),
    "the message is too large": Case(
        Fault(kind="status", status=413), Refused(413, "Payload Too Large", final=True, scope="message")
    ),
    "a status nobody listed": Case(
        Fault(kind="status", status=418, message="teapot"), Refused(418, "teapot", final=True, scope="request")
    ),
    "the rate is exceeded": Case(
        Fault(kind="status", status=429), Refused(429, "too many requests", final=False, scope="rate")
    ),
    "a server error": Case(Fault(kind="status", status=500), Unknown("server_error", "HTTP 500")),
    "a gateway's error": Case(Fault(kind="status", status=503), Unknown("server_error", "HTTP 503")),
    "a server error that sent it": Case(Fault(kind="status_after"), Unknown("server_error", "HTTP 500"), taken=True),
    "dropped unsent": Case(Fault(kind="drop_before"), Unknown("connection_lost", ""), taken=False),
    "dropped but sent": Case(Fault(kind="drop_after"), Unknown("connection_lost", ""), taken=True),
    "no answer, unsent": Case(Fault(kind="stall_before"), Unknown("timeout", "no answer in time"), taken=False),
    "no answer, but sent": Case(Fault(kind="stall_after"), Unknown("timeout", "no answer in time"), taken=True),
    "half an answer": Case(Fault(kind="cut"), Unknown("connection_lost", ""), taken=True),
    "an answer that is not JSON": Case(Fault(kind="garbage"), Unknown("server_error", ""), taken=True),
    "an answer without an id": Case(Fault(kind="no_id"), Unknown("server_error", ""), taken=True),
    "an answer of ten megabytes": Case(Fault(kind="huge_body"), Unknown("server_error", ""), taken=True),
    "a header of a megabyte": Case(Fault(kind="huge_headers"), Unknown("server_error", ""), taken=True),
}


UNLISTED = {
    "the token is revoked": (Fault(kind="status", status=401), NotListed("", "account")),
    "there is no such list": (Fault(kind="status", status=404), NotListed("", "account")),
    "it is elsewhere": (Fault(kind="redirect"), NotListed("", "account")),
    "the rate is exceeded": (Fault(kind="status", status=429), NotListed("", "rate")),
    "a server error": (Fault(kind="status", status=500), NotListed("")),
    "dropped": (Fault(kind="drop_after", times=2), NotListed("")),  # a question may be asked again, and is
    "no answer": (Fault(kind="stall_after"), NotListed("")),
    "half an answer": (Fault(kind="cut"), NotListed("")),
    "an answer that is not JSON": (Fault(kind="garbage"), NotListed("")),
    "an answer without a list": (Fault(kind="no_id"), NotListed("")),
    "ten megabytes": (Fault(kind="huge_body"), NotListed("")),
    "a header of a megabyte": (Fault(kind="huge_headers"), NotListed("")),
}


class World(Protocol):
    """A carrier, how to order a fault from it, and who was sent to, by clientId, in order."""

    carrier: Carrier

    def order(self, case: Case, to: str | None = None) -> None: ...

    def order_unlisted(self, name: str) -> None: ...

    def sent(self) -> list[str | None]: ...

    def listed_as(self, call: Call) -> str: ...


class InMemory:
    def __init__(self) -> None:
        self.memory = memory.MemoryCarrier()
        self.carrier: Carrier = self.memory

    def order(self, case: Case, to: str | None = None) -> None:
        self.memory.order([memory.Fault(case.answer, case.taken)], to)

    def order_unlisted(self, name: str) -> None:
        self.memory.unlisted.append(UNLISTED[name][1])

    def sent(self) -> list[str | None]:
        return [sent.client_id for sent in self.memory.sent]

    def listed_as(self, call: Call) -> str:
        return call.client_id


class Simulated:
    def __init__(self, running: simulator.Simulator, carrier: Carrier) -> None:
        self.running = running
        self.carrier = carrier

    def order(self, case: Case, to: str | None = None) -> None:
        self.running.faults.order([case.fault.model_copy(update={"times": 1, "to": to})])

    def order_unlisted(self, name: str) -> None:
        fault = UNLISTED[name][0]
        self.running.faults.order([fault.model_copy(update={"times": fault.times or 1, "endpoint": "list"})])

    def sent(self) -> list[str | None]:
        return [entry.client_id for entry in self.running.ledger.entries]

    def listed_as(self, call: Call) -> str:
        return likeness(call.to, call.text) if isinstance(self.carrier, Twilio) else call.client_id


@asynccontextmanager
async def in_memory(patience: float = 20.0) -> AsyncIterator[World]:
    yield InMemory()


@asynccontextmanager
async def simulated(patience: float = 20.0) -> AsyncIterator[World]:
    config = Config(tokens=(Token(token="t0k3n"),))
    async with simulator.running(config) as running, Connections(total_timeout=patience) as connections:
        yield Simulated(running, Instasent(connections, "t0k3n", running.url))


SID = "AC" + "0" * 32


@asynccontextmanager
async def twilio(patience: float = 20.0) -> AsyncIterator[World]:
    config = Config(tokens=(Token(token=f"{SID}:t0k3n"),), journey=())
    async with simulator.running(config) as running, Connections(total_timeout=patience) as connections:
        callbacks = "http://127.0.0.1:9/callbacks/twilio/acme/cb_x"
        yield Simulated(running, Twilio(connections, f"{SID}:t0k3n", running.root, callbacks))


Worlds = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture(params=[in_memory, simulated, twilio])
def world(request: pytest.FixtureRequest) -> Worlds:
    chosen: Worlds = request.param
    return chosen


def essence(answer: Answer) -> Answer:
    """An answer without what may differ from run to run, or by provider: ids, rates, the words about an unknown
    outcome, a provider's own numbers of errors."""
    match answer:
        case Accepted():
            return Accepted("an id")
        case Refused():
            words = re.sub(r" \(error [0-9]+\)$", "", answer.message).lower()
            return Refused(answer.status, words, answer.final, answer.scope)
        case Unknown():
            return Unknown(answer.reason)


def test_an_sms_is_taken_once_and_has_an_id(world: Worlds) -> None:
    async def scenario() -> None:
        async with world() as given:
            answer = await given.carrier.send(ANA, allow_unicode=False)
            assert isinstance(answer, Accepted)
            assert answer.provider_id
            assert given.sent() == [ANA.client_id]

    asyncio.run(scenario())


@pytest.mark.parametrize("name", CASES)
def test_each_fault_leads_to_its_answer_by_one_call(world: Worlds, name: str) -> None:
    case = CASES[name]

    async def scenario() -> None:
        async with world(1.0 if "no answer" in name else 20.0) as given:
            given.order(case)
            answer = await given.carrier.send(ANA, allow_unicode=False)
            assert essence(answer) == essence(case.answer)
            assert given.sent() == ([ANA.client_id] if case.taken else [])
            assert isinstance(await given.carrier.send(LUIS, allow_unicode=False), Accepted)
            assert given.sent().count(LUIS.client_id) == 1

    asyncio.run(scenario())


def test_faults_of_one_number_leave_the_others_alone(world: Worlds) -> None:
    case = CASES["dropped unsent"]

    async def scenario() -> None:
        async with world() as given:
            given.order(case, ANA.to)
            assert isinstance(await given.carrier.send(LUIS, allow_unicode=False), Accepted)
            assert isinstance(await given.carrier.send(ANA, allow_unicode=False), Unknown)
            assert given.sent() == [LUIS.client_id]

    asyncio.run(scenario())


def test_faults_come_in_the_order_in_which_they_were_ordered(world: Worlds) -> None:
    names = ["a server error", "there are no funds", "dropped but sent"]

    async def scenario() -> None:
        async with world() as given:
            for name in names:
                given.order(CASES[name])
            for name in names:
                answer = await given.carrier.send(ANA, allow_unicode=False)
                assert essence(answer) == essence(CASES[name].answer)

    asyncio.run(scenario())


def test_a_second_send_of_the_same_attempt_shows(world: Worlds) -> None:
    async def scenario() -> None:
        async with world() as given:
            for _ in range(2):
                assert isinstance(await given.carrier.send(ANA, allow_unicode=False), Accepted)
            assert given.sent() == [ANA.client_id, ANA.client_id]

    asyncio.run(scenario())


def test_many_at_once_are_each_taken_once(world: Worlds) -> None:
    calls = [replace(ANA, client_id=f"{n}-1-abcdefghijklmnop-qrstuvwxyz") for n in range(200)]

    async def scenario() -> None:
        async with world() as given:
            answers = await asyncio.gather(*(given.carrier.send(call, allow_unicode=False) for call in calls))
            assert len({answer.provider_id for answer in answers if isinstance(answer, Accepted)}) == 200
            assert sorted(map(str, given.sent())) == sorted(call.client_id for call in calls)

    asyncio.run(scenario())


async def walked(carrier: Carrier) -> list[str | None]:
    """The whole list, page by page: each message's client id, or what it looks like where the list bears none."""
    found: list[str | None] = []
    cursor: str | None = None
    for _ in range(100):
        page = await carrier.page(cursor, 0)
        assert isinstance(page, Page)
        found += [item.client_id or item.likeness for item in page.items]
        cursor = page.following
        if cursor is None:
            return found
    raise AssertionError("the list has no end")


def test_the_list_has_each_message_once_whatever_became_of_its_answer(world: Worlds) -> None:
    async def scenario() -> None:
        async with world(1.0) as given:
            calls: dict[str, Call] = {}
            names = ["dropped but sent", "half an answer", "a server error that sent it", "dropped unsent"]
            for name in names:
                given.order(CASES[name])
            for n in range(len(names) + 101):
                call = replace(ANA, client_id=f"{n}-1-abcdefghijklmnop-qrstuvwxyz", text=f"Hola {n}")
                calls[call.client_id] = call
                await given.carrier.send(call, allow_unicode=False)
            found = await walked(given.carrier)
            assert sorted(map(str, found)) == sorted(given.listed_as(calls[str(name)]) for name in given.sent())
            assert len(found) == len(names) - 1 + 101

    asyncio.run(scenario())


def test_an_empty_list_is_one_empty_page(world: Worlds) -> None:
    async def scenario() -> None:
        async with world() as given:
            assert await walked(given.carrier) == []

    asyncio.run(scenario())


def test_one_message_is_looked_up_by_its_id_and_an_unknown_one_is_nowhere(world: Worlds) -> None:
    async def scenario() -> None:
        async with world() as given:
            answer = await given.carrier.send(ANA, allow_unicode=False)
            assert isinstance(answer, Accepted)
            found = await given.carrier.look_up(answer.provider_id or "")
            assert isinstance(found, Page)
            (item,) = found.items
            assert (item.client_id or item.likeness, item.provider_id) == (given.listed_as(ANA), answer.provider_id)
            nowhere = await given.carrier.look_up("none-of-theirs")
            assert isinstance(nowhere, Page)
            assert nowhere.items == ()

    asyncio.run(scenario())


def test_a_list_that_is_not_to_be_had_says_nothing_of_any_message(world: Worlds) -> None:
    async def scenario() -> None:
        async with world(1.0) as given:
            await given.carrier.send(ANA, allow_unicode=False)
            for name in UNLISTED:
                given.order_unlisted(name)
                page = await given.carrier.page(None, 0)
                assert isinstance(page, NotListed), name
                assert page.scope == UNLISTED[name][1].scope, name
            assert await walked(given.carrier) == [given.listed_as(ANA)]

    asyncio.run(scenario())


def test_what_is_refused_cannot_have_been_taken() -> None:
    with pytest.raises(ValueError, match="not taken"):
        memory.Fault(Refused(400, "no", final=True), taken=True)


# What the HTTP client raises is one account's fault


NOWHERE = ("a..b", "x" * 64 + ".example", ".a", "a..", ".")  # the resolver raises no OSError for these
MESSAGE = "SM" + "0" * 32  # an id that either would ask for


def instasent_of(connections: Connections, url: str) -> Carrier:
    return Instasent(connections, "t0k3n", url)


def twilio_of(connections: Connections, url: str) -> Carrier:
    return Twilio(connections, f"{SID}:t0k3n", url, "http://127.0.0.1:9/callbacks/twilio/acme/cb_x")


Makes = Callable[[Connections, str], Carrier]


@pytest.fixture(params=[instasent_of, twilio_of])
def made(request: pytest.FixtureRequest) -> Makes:
    chosen: Makes = request.param
    return chosen


async def sent_by(carrier: Carrier) -> list[Answer]:
    """The answers of each way in which it sends."""
    answers = [await carrier.send(ANA, allow_unicode=False)]
    if isinstance(carrier, BulkCarrier):
        answers += await carrier.send_many([Encoded(), Encoded(client_id=LUIS.client_id, to=LUIS.to)])
    return answers


async def asked_of(carrier: Carrier) -> list[Page | NotListed]:
    return [await carrier.page(None, 0), await carrier.look_up(MESSAGE)]


@pytest.mark.parametrize("host", NOWHERE)
def test_a_host_that_cannot_be_asked_for_is_no_connection(made: Makes, host: str) -> None:
    async def scenario() -> None:
        async with Connections() as connections:
            carrier = made(connections, f"https://{host}")
            for answer in await sent_by(carrier):
                assert isinstance(answer, Refused)
                assert (answer.status, answer.final, answer.scope) == (None, False, "connection")
            for found in await asked_of(carrier):
                assert isinstance(found, NotListed)
                assert found.scope == "connection"

    asyncio.run(scenario())


class Broken(Connections):
    """Connections whose client raises what nobody foresaw, before it is connected or after."""

    def __init__(self, error: BaseException, connected: bool) -> None:
        super().__init__()
        self.error = error
        self.connected = connected

    @property
    def session(self) -> Any:
        return self

    def post(self, *_: Any, trace_request_ctx: Course, **__: Any) -> Any:
        trace_request_ctx.connected = self.connected
        raise self.error

    def get(self, *_: Any, **__: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("error", [ValueError(ANA.to), RuntimeError(ANA.text), KeyError("x"), AssertionError()])
def test_whatever_the_client_raises_is_told_by_how_far_the_call_had_come(made: Makes, error: Exception) -> None:
    async def scenario(connected: bool) -> tuple[list[Answer], list[Page | NotListed]]:
        carrier = made(Broken(error, connected), "https://x.example")
        return await sent_by(carrier), await asked_of(carrier)

    before, unlisted = asyncio.run(scenario(False))
    after, _ = asyncio.run(scenario(True))
    assert all(isinstance(answer, Refused) and answer.scope == "connection" for answer in before)
    assert all(isinstance(answer, Unknown) and answer.reason == "connection_lost" for answer in after)
    assert all(isinstance(found, NotListed) and found.scope == "connection" for found in unlisted)
    said = repr([before, after, unlisted])
    assert ANA.to not in said
    assert ANA.text not in said


@pytest.mark.parametrize("error", [MemoryError(), asyncio.CancelledError()])
def test_what_is_no_account_s_fault_is_raised(made: Makes, error: BaseException) -> None:
    carrier = made(Broken(error, True), "https://x.example")
    for work in (
        lambda: carrier.send(ANA, allow_unicode=False),
        lambda: carrier.page(None, 0),
        lambda: carrier.look_up(MESSAGE),
    ):
        with pytest.raises(type(error)):
            asyncio.run(work())

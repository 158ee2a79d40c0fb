"""One suite over batches of the carrier in memory and of Instasent's against the simulator, and what answers mean."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors import simulator
from connectors.carriers import memory
from connectors.carriers.base import Accepted, Answer, BulkCarrier, RateHeaders, Refused, Unknown
from connectors.carriers.connections import Connections
from connectors.carriers.instasent import Instasent
from connectors.carriers.verdict import judge_many
from connectors.memory import MemoryAnswers, MemoryBroker
from connectors.simulator import Config, Fault, Token
from connectors.simulator.settings import Modes
from events.answer import AnswerReceived
from events.codec import decode_input
from events.topics import Role
from streams.lane import Lane
from streams.sender import Sender
from tests.connectors.carriers.test_instasent import peer, replies
from tests.streams.memory_world import PARTITION, Hand, Held, call_of

RATE = RateHeaders(1_200, 7, 1_700_000_000_000)


@dataclass(frozen=True)
class Call:
    client_id: str
    to: str
    sender: str = "Acme"
    text: str = "Hola"
    encoding: Literal["GSM-7", "UCS-2"] = "GSM-7"


def calls(count: int) -> list[Call]:
    return [Call(f"{n}-1-abcdefghijklmnop-qrstuvwxyz", f"+346000{n:05d}") for n in range(count)]


CASES: dict[str, tuple[Fault, Answer, bool]] = {  # a fault of the whole batch, the answer of each item, is it sent
    "token": (Fault(kind="status", status=401), Refused(401, "Bad credentials", False, "account"), False),
    "base URL": (Fault(kind="status", status=404), Refused(404, "Not Found", False, "account"), False),
    "rate": (Fault(kind="status", status=429), Refused(429, "too many requests", False, "rate"), False),
    "no funds": (Fault(kind="status", status=402), Unknown("server_error", account=True), False),
    "server error": (Fault(kind="status", status=500), Unknown("server_error"), False),
    "error that sent": (Fault(kind="status_after"), Unknown("server_error"), True),
    "dropped unsent": (Fault(kind="drop_before"), Unknown("connection_lost"), False),
    "dropped but sent": (Fault(kind="drop_after"), Unknown("connection_lost"), True),
    "no answer": (Fault(kind="stall_after"), Unknown("timeout"), True),
    "half an answer": (Fault(kind="cut"), Unknown("connection_lost"), True),
    "no JSON": (Fault(kind="garbage"), Unknown("server_error"), True),
    "ten megabytes": (Fault(kind="huge_body"), Unknown("server_error"), True),
}


@dataclass(frozen=True)
class Straight:
    """ports.Provider with one carrier for all."""

    world: "World | Alone"

    async def send(self, call: Any) -> Answer:
        return await self.world.carrier.send(call, allow_unicode=call.encoding == "UCS-2")

    async def send_many(self, calls: Sequence[Any]) -> Sequence[Answer]:
        return await self.world.carrier.send_many(calls)


@dataclass(frozen=True)
class Alone:
    """A carrier without a world to order faults from."""

    carrier: BulkCarrier


class World(Protocol):
    carrier: BulkCarrier

    def order(self, name: str) -> None: ...
    def refuse(self, to: str) -> None: ...
    def sent(self) -> list[str | None]: ...


class InMemory:
    def __init__(self) -> None:
        self.memory = memory.MemoryCarrier()
        self.carrier: BulkCarrier = self.memory

    def order(self, name: str) -> None:
        _, answer, taken = CASES[name]
        self.memory.order([memory.Fault(answer, taken)])

    def refuse(self, to: str) -> None:
        self.memory.order([memory.Fault(Refused(201, "to: bad", True, "message"))], to)

    def sent(self) -> list[str | None]:
        return [sent.client_id for sent in self.memory.sent]


class Simulated:
    def __init__(self, running: simulator.Simulator, carrier: BulkCarrier) -> None:
        self.running = running
        self.carrier = carrier

    def order(self, name: str) -> None:
        self.running.faults.order([CASES[name][0].model_copy(update={"times": 1})])

    def refuse(self, to: str) -> None:
        self.running.faults.order([Fault(kind="field_error", message="bad", to=to)])

    def sent(self) -> list[str | None]:
        return [entry.client_id for entry in self.running.ledger.entries]


@asynccontextmanager
async def in_memory(**_: Any) -> AsyncIterator[World]:
    yield InMemory()


@asynccontextmanager
async def simulated(patience: float = 20.0, **settings: Any) -> AsyncIterator[World]:
    config = Config(tokens=(Token(token="t0k3n"),), **settings)
    async with simulator.running(config) as running, Connections(total_timeout=patience) as connections:
        yield Simulated(running, Instasent(connections, "t0k3n", running.url))


Worlds = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture(params=[in_memory, simulated])
def world(request: pytest.FixtureRequest) -> Worlds:
    chosen: Worlds = request.param
    return chosen


def essence(answer: Answer) -> Answer:
    match answer:
        case Accepted():
            return Accepted("an id" if answer.provider_id else None)
        case Refused():
            return Refused(answer.status, answer.message, answer.final, answer.scope)
        case Unknown():
            return Unknown(answer.reason, account=answer.account)


def handed_over(world: Worlds, batch: Sequence[Call], before: Callable[[World], None], **settings: Any) -> Any:
    async def scenario() -> tuple[list[Answer], list[str | None]]:
        async with world(**settings) as given:
            before(given)
            return [essence(answer) for answer in await given.carrier.send_many(batch)], given.sent()

    return asyncio.run(scenario())


def test_a_hundred_are_taken_in_one_call_each_with_its_id(world: Worlds) -> None:
    batch = calls(100)
    answers, sent = handed_over(world, batch, lambda _: None)
    assert answers == [Accepted("an id")] * 100
    assert sent == [call.client_id for call in batch]


def test_one_that_is_refused_fails_alone(world: Worlds) -> None:
    batch = calls(10)
    answers, sent = handed_over(world, batch, lambda given: given.refuse(batch[3].to))
    assert answers == [Refused(201, "to: bad", True, "message") if n == 3 else Accepted("an id") for n in range(10)]
    assert sent == [call.client_id for call in batch if call is not batch[3]]


@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_the_whole_batch_is_the_answer_of_each_and_no_second_call_is_made(world: Worlds, name: str) -> None:
    batch = calls(5)
    answers, sent = handed_over(
        world, batch, lambda given: given.order(name), patience=1.0 if name == "no answer" else 20.0
    )
    assert answers == [CASES[name][1]] * 5
    assert sent == ([call.client_id for call in batch] if CASES[name][2] else [])


def test_one_alone_is_a_batch_of_one(world: Worlds) -> None:
    answers, sent = handed_over(world, calls(1), lambda _: None)
    assert answers == [Accepted("an id")]
    assert len(sent) == 1


@pytest.mark.parametrize("named", [True, False])
def test_of_a_batch_of_one_no_client_id_is_needed_to_know_what_became_of_it(named: bool) -> None:
    modes = Modes(bulk_client_ids=named, bulk_errors_named=named)
    answers, sent = handed_over(simulated, calls(1), lambda _: None, modes=modes)
    assert (answers, len(sent)) == ([Accepted("an id")], 1)
    batch = calls(1)
    answers, _ = handed_over(simulated, batch, lambda given: given.refuse(batch[0].to), modes=modes)
    (answer,) = answers
    assert isinstance(answer, Refused)
    assert (answer.final, answer.scope) == (True, "message")


def test_a_batch_of_one_that_is_too_large_fails_for_good() -> None:
    batch = [replace(call, text="x" * 2_000) for call in calls(1)]
    answers, sent = handed_over(simulated, batch, lambda _: None, max_body=1_200)
    assert [(answer.scope, answer.final) for answer in answers] == [("message", True)]
    assert sent == []


def test_shuffled_entities_are_matched_by_their_client_id_not_by_their_place() -> None:
    async def scenario() -> None:
        async with simulated(modes=Modes(bulk_shuffled=True)) as given:
            batch = calls(50)
            answers = await given.carrier.send_many(batch)
            assert isinstance(given, Simulated)
            mailbox = given.running.provider.projects["t0k3n"].mailbox
            ids = {message.client_id: message.id for message in mailbox.by_id.values()}
            told = [answer.provider_id for answer in answers if isinstance(answer, Accepted)]
            assert told == [ids[call.client_id] for call in batch]

    asyncio.run(scenario())


def test_entities_without_client_ids_leave_every_item_unknown() -> None:
    answers, _ = handed_over(simulated, calls(4), lambda _: None, modes=Modes(bulk_client_ids=False))
    assert answers == [Unknown("server_error")] * 4


def test_errors_without_names_refuse_the_rest_if_the_counts_add_up() -> None:
    batch = calls(6)

    def two(given: World) -> None:
        given.refuse(batch[0].to)
        given.refuse(batch[5].to)

    answers, _ = handed_over(simulated, batch, two, modes=Modes(bulk_errors_named=False))
    refused = [n for n, answer in enumerate(answers) if isinstance(answer, Refused)]
    assert refused == [0, 5]


def test_a_batch_that_is_too_large_is_refused_as_a_batch_and_no_second_call_is_made() -> None:
    batch = [replace(call, text="x" * 400) for call in calls(8)]
    answers, sent = handed_over(simulated, batch, lambda _: None, max_body=1_200)
    assert [(answer.scope, answer.final) for answer in answers] == [("batch", False)] * 8
    assert sent == []


def test_the_sender_halves_a_batch_that_is_too_large_until_it_fits_and_a_lone_one_fails_for_good() -> None:
    async def scenario() -> None:
        async with simulated(max_body=1_200) as given:
            batch = [replace(call_of(call.client_id, Role.NEWSLETTER), to=call.to, text="x" * 400) for call in calls(8)]
            batch[6] = replace(batch[6], text="x" * 2_000)
            broker, started = MemoryBroker(), list[Coroutine[Any, Any, None]]()
            failures: list[BaseException] = []
            sender = Sender(
                Straight(given), MemoryAnswers(broker), Held(), Hand(), started.append, failures.append,
                lanes={Role.NEWSLETTER: Lane(1, 8)},
            )  # fmt: skip
            for call in batch:
                sender.reserve(call)
            sender.start(batch, 1)
            await started.pop()
            assert failures == []
            records = broker.topic(Role.ANSWERS, PARTITION).records
            told = [decode_input(Role.ANSWERS, record.value).data for record in records]
            outcomes = [data.outcome for data in told if isinstance(data, AnswerReceived)]
            assert outcomes == ["accepted"] * 6 + ["refused", "accepted"]
            assert given.sent() == [call.client_id for n, call in enumerate(batch) if n != 6]

    asyncio.run(scenario())


# --- what an answer means: pure -----------------------------------------------------------------------------------

NAMES = ["a-1", "b-1", "c-1"]


def verdicts(status: int, body: Any, names: Sequence[str] = NAMES) -> list[Answer] | None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    found = judge_many(status, RATE, content, None, names, secret="t0k3n")
    return None if found is None else [essence(answer) for answer in found]


def entity(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"sms-{name}", "clientId": name, **more}


TAKEN, UNKNOWN = Accepted("an id"), Unknown("server_error")
BAD = Refused(201, "to: bad", True, "message")
TWICE = Refused(201, "to: bad; to: bad", True, "message")
ERROR = {"errors": {"to": ["bad"]}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"entities": [entity("c-1"), entity("a-1"), entity("b-1")], "errors": []}, [TAKEN, TAKEN, TAKEN]),
        ({"entities": [entity("a-1")], "errors": [ERROR, ERROR]}, [TAKEN, TWICE]),
        ({"entities": [entity("a-1"), entity("b-1")], "errors": [{"clientId": "c-1", **ERROR}]}, [TAKEN, TAKEN, BAD]),
        ({"entities": [entity("a-1"), entity("b-1")], "errors": []}, [TAKEN, TAKEN, UNKNOWN]),
        ({"entities": [entity("a-1")], "errors": [ERROR]}, [TAKEN, UNKNOWN, UNKNOWN]),
        ({"entities": [entity("a-1"), entity("a-1")], "errors": [ERROR]}, [UNKNOWN, UNKNOWN, UNKNOWN]),
        ({"entities": [entity("a-1"), entity("x-1")], "errors": [ERROR]}, [TAKEN, UNKNOWN, UNKNOWN]),
        ({"entities": [entity("a-1", id=None), entity("b-1")], "errors": [ERROR]}, [UNKNOWN, TAKEN, BAD]),
        ({"entities": [{"clientId": ["a-1"], "id": "x"}, 7, None]}, [UNKNOWN] * 3),
        ({"entities": [], "errors": [ERROR] * 3}, [Refused(201, "to: bad; to: bad; to: bad", True, "message")] * 3),
        ({"entities": [entity("a-1"), entity("b-1")],
          "errors": [{"clientId": "c-1", "errors": {"clientId": ["This value is already used."]}}]},
         [TAKEN, TAKEN, Accepted(None)]),
        ({"entities": [entity("a-1")], "errors": [{"errors": {"clientId": ["already used"]}}, ERROR]},
         [TAKEN, UNKNOWN, UNKNOWN]),
        ({"entities": "none", "errors": 3}, [UNKNOWN] * 3),
        (b"{", [UNKNOWN] * 3),
        (b"[]", [UNKNOWN] * 3),
    ],
)  # fmt: skip
def test_each_item_of_a_batch_is_told_by_its_client_id_and_the_counts(body: Any, expected: list[Answer]) -> None:
    found = verdicts(201, body)
    assert found is not None
    assert found[: len(expected)] == expected


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_was_refused_as_a_whole_may_be_handed_over_in_parts(status: int) -> None:
    assert verdicts(status, {"message": "Problems parsing JSON"}) is None


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("errors", [{}, {"errors": []}, {"errors": {}}], ids=["absent", "list", "object"])
def test_a_refusal_that_names_an_accepted_item_is_told_apart_and_not_made_again(status: int, errors: Any) -> None:
    body = {"entities": [entity("a-1")], **errors}
    assert verdicts(status, body, NAMES[:2]) == [TAKEN, UNKNOWN]
    assert verdicts(status, body, NAMES[:1]) == [TAKEN]
    assert verdicts(status, {"entities": [entity("b-1"), entity("a-1")], **errors}, NAMES[:2]) == [TAKEN, TAKEN]
    assert verdicts(status, {"entities": [{"id": "1"}], **errors}, NAMES[:2]) == [UNKNOWN, UNKNOWN]
    assert verdicts(status, {"entities": [], **errors}, NAMES[:2]) is None


@pytest.mark.parametrize(
    ("status", "account"), [(401, True), (402, True), (403, False), (404, False), (429, False), (307, False)]
)
def test_what_any_refusal_names_as_accepted_was_taken_and_nothing_is_known_of_the_rest(
    status: int, account: bool
) -> None:
    rest = Unknown("server_error", account=account)
    assert verdicts(status, {"entities": [entity("b-1")], "message": "no"}) == [rest, TAKEN, rest]


def test_a_refusal_with_an_accepted_item_and_as_many_errors_as_others_refuses_those() -> None:
    body = {"entities": [entity("a-1"), entity("b-1")], "errors": [ERROR]}
    assert verdicts(422, body) == [TAKEN, TAKEN, Refused(422, "to: bad", True, "message")]
    for status in (401, 402, 429):  # these blame no field
        found = verdicts(status, body)
        assert found is not None
        assert isinstance(found[2], Unknown)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("errors", [{}, {"errors": []}, {"errors": {}}], ids=["absent", "list", "object"])
def test_the_sender_posts_a_batch_of_which_a_part_was_named_as_accepted_once(status: int, errors: Any) -> None:
    batch = [replace(call_of(call.client_id, Role.NEWSLETTER), to=call.to) for call in calls(2)]
    body = orjson.dumps({"entities": [{"id": "1", "clientId": batch[0].client_id}], **errors})
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body))

    async def scenario() -> tuple[list[str], int]:
        async with peer(replies(head + body)) as present, Connections() as connections:
            broker, started = MemoryBroker(), list[Coroutine[Any, Any, None]]()
            straight = Straight(Alone(Instasent(connections, "t0k3n", present.url)))
            failures: list[BaseException] = []
            sender = Sender(
                straight, MemoryAnswers(broker), Held(), Hand(), started.append, failures.append,
                lanes={Role.NEWSLETTER: Lane(1, 2)},
            )  # fmt: skip
            for call in batch:
                sender.reserve(call)
            sender.start(batch, 1)
            await started.pop()
            assert failures == []
            records = broker.topic(Role.ANSWERS, PARTITION).records
            told = [decode_input(Role.ANSWERS, record.value).data for record in records]
            return [data.outcome for data in told if isinstance(data, AnswerReceived)], len(present.requests)

    assert asyncio.run(scenario()) == (["accepted", "unknown"], 1)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, {"entities": [{"id": "1"}]}, TAKEN),
        (201, {"entities": [{"id": "1"}], "errors": [ERROR]}, UNKNOWN),
        (201, {"entities": [{"id": "1", "clientId": "x-1"}]}, UNKNOWN),
        (201, {"entities": [{"id": "1"}, {"id": "2"}]}, UNKNOWN),
        (201, {"entity": {"id": "1"}}, TAKEN),
        (201, {"entities": [], "errors": []}, UNKNOWN),
        (201, {"entities": [], "errors": [{"clientId": "a-1", **ERROR}]}, BAD),
        (422, {"errors": {"to": ["bad"]}}, Refused(422, "to: bad", True, "message")),
        (402, {"message": "no funds"}, Refused(402, "no funds", False, "account")),
        (402, {"entities": [entity("a-1")]}, TAKEN),
        (400, {"message": "what?"}, Refused(400, "what?", True, "request")),
        (429, b"", Refused(429, "too many requests", False, "rate")),
        (500, {"entities": [entity("a-1")]}, UNKNOWN),
    ],
)
def test_the_answer_to_a_batch_of_one_is_read_as_one_of_either_kind(status: int, body: Any, expected: Answer) -> None:
    assert verdicts(status, body, NAMES[:1]) == [expected]


def test_a_402_to_a_batch_may_have_taken_a_part_and_stops_the_account() -> None:
    assert verdicts(402, {"message": "NoFundsError"}) == [Unknown("server_error", account=True)] * 3


@pytest.mark.parametrize("trouble", ["timeout", "connection_lost", "server_error"])
def test_a_positive_answer_that_was_cut_leaves_all_unknown(trouble: Any) -> None:
    found = judge_many(201, RATE, b"", trouble, NAMES, secret="t0k3n")
    assert found is not None
    assert [essence(answer) for answer in found] == [Unknown(trouble)] * 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8) | st.sampled_from(NAMES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["entities", "errors", "clientId", "id", "message", "to"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@forall(st.integers(200, 599), JSON)
def test_whatever_is_answered_each_item_gets_one_answer_and_is_accepted_only_by_name(status: int, body: Any) -> None:
    found = judge_many(status, RATE, orjson.dumps(body), None, NAMES, secret="t0k3n")
    if found is None:
        assert 400 <= status < 500
        listed = body.get("entities") if isinstance(body, dict) else None
        assert not (isinstance(listed, list) and listed), "what it names would be handed over again"
        return
    assert len(found) == 3
    assert all(answer.rate == RATE for answer in found)
    taken = [answer.provider_id for answer in found if isinstance(answer, Accepted) and answer.provider_id]
    text = orjson.dumps(body).decode()
    assert all(orjson.dumps(each).decode() in text or each in text for each in taken)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_of_a_batch_that_was_cut_leaves_all_unknown_and_is_not_made_again(status: int) -> None:
    found = judge_many(status, RATE, b"", "connection_lost", NAMES, secret="t0k3n")
    assert found is not None
    assert [essence(answer) for answer in found] == [Unknown("connection_lost")] * 3

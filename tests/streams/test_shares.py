"""Several accounts on one worker: a provider that hangs, or answers late, holds up no account but its own. And a lone
account has every slot."""

from collections import Counter
from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass, field, replace
from types import coroutine
from typing import Any

import pytest

from connectors.carriers.base import Accepted, Answer, Unknown
from connectors.memory import MemoryAnswers, MemoryBroker, MemoryLog, MemoryStores, drive
from connectors.ports import Message
from events.account import AccountConfigured
from events.codec import decode_fact, encode_input
from events.envelope import Input
from events.partition import partition_of
from events.send import SendAttempted, SendDeferred, SendRequested
from events.shape import Class
from events.topics import SENDS_OF, Role
from projections import keyspace
from projections.account import Directory
from projections.send import Call
from streams.gate import Gates, PartitionGate
from streams.lane import LEAST, REMEMBERED, SLOW, Lane
from streams.pipeline import Pipeline
from streams.sender import Sender
from streams.shares import ShareGate
from streams.view import StateView
from streams.workflow import SendingWorkflow
from tests.streams.memory_world import NOON, Hand, Held, _at_once, call_of

PARTITIONS = 2
TIME_OUT = 20_000  # ms
NOTICED = SLOW + 500
SETTINGS = {"country": "ES", "connector": {"provider": "instasent", "token": {"sealed": "v1.x"}}}
CLASSES: list[Class] = ["transactional", "newsletter"]


@coroutine
def _hang() -> Generator[None, None, None]:
    yield


@dataclass
class Providers:
    """Those of all accounts. What is asked of one that hangs is answered when the world says so."""

    hanging: set[str] = field(default_factory=set)
    called: list[Call] = field(default_factory=list)
    answer: Answer = Unknown("timeout")

    async def send(self, call: Call) -> Answer:
        return (await self.send_many([call]))[0]

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        self.called += calls
        if calls[0].account in self.hanging:
            await _hang()
            return [self.answer] * len(calls)
        return [Accepted("sms")] * len(calls)

    def of(self, account: str) -> int:
        return sum(call.account == account for call in self.called)


class World:
    """A worker with two partitions and few slots: eight for attempts, two for bulks of four."""

    def __init__(self, *accounts: str) -> None:
        self.broker, self.clock, self.stores, self.directory = MemoryBroker(), Hand(), MemoryStores(), Directory()
        for number, account in enumerate(accounts):
            event = Input.of(
                AccountConfigured.of_json(SETTINGS), id=f"a{number}", source="/c", subject=account, time=NOON
            )
            self.directory.evolve(event, number)
        self.providers = Providers()
        self.gates = Gates()
        self.hanging: list[tuple[int, Coroutine[Any, Any, None]]] = []
        self.failures: list[BaseException] = []
        self.sender = Sender(
            self.providers, MemoryAnswers(self.broker), Held(), self.clock, self.spawn, self.failures.append,
            lanes={Role.TRANSACTIONAL: Lane(8, spare=4), Role.NEWSLETTER: Lane(2, 4, 2)},
            hearing=self.gates, several=self.directory.several,
        )  # fmt: skip
        self.asked = 0
        self.pipelines = [self.pipeline(partition) for partition in range(PARTITIONS)]

    def pipeline(self, partition: int) -> Pipeline:
        gate = ShareGate(self.sender, PartitionGate(self.gates))
        workflow = SendingWorkflow(
            partition, PARTITIONS, self.directory, b"k" * 32, lambda: self.directory.version, gate=gate
        )
        view = StateView(self.stores.open(partition), keyspace.encode, keyspace.decode)
        log = MemoryLog(self.broker, partition).open()
        return Pipeline(
            partition, 1, workflow, log, self.stores.open(partition), view, self.clock, self.sender, _at_once
        )

    def spawn(self, call: Coroutine[Any, Any, None]) -> None:
        try:
            call.send(None)
        except StopIteration:
            return
        self.hanging.append((self.clock.at, call))

    def answered(self, since: int) -> int:
        """Those calls end that were made then or before."""
        due, self.hanging = (
            [call for at, call in self.hanging if at <= since],
            [(at, call) for at, call in self.hanging if at > since],
        )
        for call in due:
            with pytest.raises(StopIteration):
                call.send(None)
        return len(due)

    def ask(self, account: str, class_: Class, times: int = 1) -> None:
        """Sends to as many contacts, who all live in partition 0."""
        for _ in range(times):
            self.asked += 1
            subject = self.contact(account)
            number = f"+346{self.asked:08d}"
            data = SendRequested.of_json(
                {"to": {"alert": number}, "sender": "Acme", "text": "Hola", "send_id": subject}
            )
            event = Input.of(data, id=f"e{self.asked}", source="/t", subject=subject, time=self.clock.at)
            self.broker.publish(SENDS_OF[class_], 0, Message(subject.encode(), encode_input(event)), self.clock.at)

    def contact(self, account: str) -> str:
        numbers = (f"{account}/{self.asked}-{number}" for number in range(1_000))
        return next(subject for subject in numbers if partition_of(subject.encode(), PARTITIONS) == 0)

    def run(self) -> None:
        """Until nothing more can be decided at this moment."""
        busy = True
        while busy:
            busy = False
            for partition, pipeline in enumerate(self.pipelines):
                for role, position in pipeline.wanted().items():
                    fetch = self.broker.fetch(role, partition, position, self.clock.at)
                    if fetch.next > fetch.start:
                        assert pipeline.accept(fetch)
                while drive(pipeline.step()):
                    busy = True
        assert self.failures == []

    def pass_(self, ms: int, step: int = 250, lasts: int | None = None) -> None:
        """Let time go by; what hangs is answered after `lasts`."""
        end = self.clock.at + ms
        while self.clock.at < end:
            self.clock.at += min(step, end - self.clock.at)
            if lasts is not None:
                self.answered(self.clock.at - lasts)
            self.run()

    def facts(self) -> list[Any]:
        records = [record for p in range(PARTITIONS) for record in self.broker.topic(Role.JOURNAL, p).records]
        return [decode_fact(record.value or b"") for record in records]

    def deferrals(self, account: str) -> Counter[str]:
        """How often each of its sends was put off, for which there was a reason of the contract."""
        told = [fact for fact in self.facts() if isinstance(fact.data, SendDeferred)]
        assert {fact.data.reason for fact in told} <= {"rate", "circuit"}
        return Counter(fact.subject for fact in told if fact.subject.startswith(f"{account}/"))


@pytest.mark.parametrize("class_", CLASSES)
def test_a_provider_that_hangs_holds_up_no_send_that_lies_behind_its_account_s(class_: Class) -> None:
    world = World("a", "b")
    world.providers.hanging.add("a")
    world.ask("a", class_, 50)
    world.ask("b", class_)
    world.run()
    assert world.providers.of("a") == 8
    world.pass_(NOTICED)
    assert world.providers.of("b") == 1
    assert world.providers.of("a") == 8, "and none of a's has been answered"


@pytest.mark.parametrize("class_", CLASSES)
def test_while_a_provider_hangs_nothing_of_another_account_s_waits_any_more(class_: Class) -> None:
    world = World("a", "b", "c")
    world.providers.hanging.add("a")
    world.ask("a", class_, 50)
    world.pass_(NOTICED)
    for done in range(1, 40):
        world.ask("a", class_, 3)
        world.ask("b", class_)
        world.ask("c", class_)
        world.run()
        assert (world.providers.of("b"), world.providers.of("c")) == (done, done)
    assert world.deferrals("b") == world.deferrals("c") == {}


@pytest.mark.parametrize("class_", CLASSES)
def test_two_providers_that_hang_leave_room_for_a_third_account(class_: Class) -> None:
    world = World("a", "b", "c")
    world.providers.hanging |= {"a", "b"}
    for account in "ab":
        world.ask(account, class_, 50)
        world.pass_(NOTICED)
    assert 1 <= world.providers.of("b") < world.providers.of("a") == 8
    world.ask("c", class_)
    world.run()
    assert world.providers.of("c") == 1


@pytest.mark.parametrize("class_", CLASSES)
def test_a_provider_that_answers_late_for_ever_holds_up_its_own_account_alone(class_: Class) -> None:
    world = World("a", "b")
    world.providers.hanging.add("a")
    world.providers.answer = Accepted("sms")
    world.ask("a", class_, 20)
    world.pass_(NOTICED)
    for done in range(1, 100):
        world.ask("a", class_, 4)
        world.ask("b", class_)
        world.pass_(1_000, lasts=15_000)
        assert world.providers.of("b") == done
    assert world.providers.of("a") > 30, "and its own sends go on"


@pytest.mark.parametrize("class_", CLASSES)
def test_of_a_provider_that_hangs_each_send_is_put_off_a_few_times_and_all_go_when_it_answers_again(
    class_: Class,
) -> None:
    world = World("a", "b")
    world.providers.hanging.add("a")
    world.ask("a", class_, 300)
    world.pass_(TIME_OUT, lasts=TIME_OUT)
    world.providers.hanging.clear()
    world.pass_(600_000, step=500, lasts=TIME_OUT)
    assert max(world.deferrals("a").values()) <= 9
    attempted = Counter(fact.subject for fact in world.facts() if isinstance(fact.data, SendAttempted))
    assert len(attempted) == 300


def test_nobody_is_put_off_for_longer_than_its_provider_was_slow() -> None:
    lane = Lane(2, spare=1)
    _taken(lane, 2)
    until = [lane.put_off("a", NOON + SLOW + 1, waited=False) for _ in range(1_000)]
    assert max(at or 0 for at in until) == NOON + SLOW + 1 + LEAST
    later = NOON + 60_000
    until = [lane.put_off("a", later, waited=True) for _ in range(1_000)]
    assert max(at or 0 for at in until) == later + (60_000 - SLOW - 1)


@pytest.mark.parametrize("class_", CLASSES)
@pytest.mark.parametrize("accounts", [("a",), ("a", "b")], ids=["lone", "with another that sends nothing"])
def test_an_account_has_every_slot_where_no_other_wants_one(class_: Class, accounts: Sequence[str]) -> None:
    world = World(*accounts)
    world.providers.hanging.add("a")
    world.ask("a", class_, 50)
    world.run()
    assert world.providers.of("a") == 8


@pytest.mark.parametrize("class_", CLASSES)
def test_an_account_whose_provider_answers_is_never_put_off(class_: Class) -> None:
    world = World("a", "b")
    world.providers.hanging |= {"a", "b"}
    world.providers.answer = Accepted("sms")
    world.ask("a", class_, 100)
    world.ask("b", class_, 10)
    world.pass_(20_000, lasts=500)
    assert (world.providers.of("a"), world.providers.of("b")) == (100, 10)
    assert world.deferrals("a") == world.deferrals("b") == {}


@pytest.mark.parametrize("class_", CLASSES)
def test_a_lone_account_waits_where_its_sends_lie_and_leaves_no_fact_of_it(class_: Class) -> None:
    world = World("a")
    world.providers.hanging.add("a")
    world.providers.answer = Accepted("sms")
    world.ask("a", class_, 50)
    world.pass_(120_000, lasts=15_000)
    assert world.providers.of("a") == 50
    assert world.deferrals("a") == {}


def test_bulks_of_one_message_that_hang_take_no_slot_from_another_account_s() -> None:
    world = World("a", "b")
    world.providers.hanging.add("a")
    for _ in range(4):
        world.ask("a", "newsletter")
        world.run()
    assert world.providers.of("a") == 2
    world.ask("b", "newsletter")
    world.run()
    assert world.providers.of("b") == 1, "without a look at any clock"


# --- the rule by itself -------------------------------------------------------------------------------------------


def _taken(lane: Lane, attempts: int, account: str = "a", at: int = NOON) -> None:
    for _ in range(attempts):
        lane.reserve(account)
        lane.waiting.append(([replace(call_of("x"), account=account)], 1))
        assert lane.next_call() is not None
        lane.began(account, at)


def _ended(lane: Lane, attempts: int, at: int, account: str = "a", began: int = NOON) -> None:
    for _ in range(attempts):
        lane.ended(account, began, at)
    for _ in range(attempts):
        lane.done(account, 1)


def _holds(lane: Lane, account: str, now: int) -> int:
    """How many more it takes in one go, as timers of one step do."""
    granted = 0
    while lane.put_off(account, now, waited=True) is None:
        lane.promise(account, now)
        granted += 1
    return granted


def test_what_is_given_leave_in_one_step_counts_before_it_is_reserved() -> None:
    lane = Lane(8, spare=4)
    _taken(lane, 8)
    lane.reserve("b")
    assert _holds(lane, "b", NOON + SLOW + 1) == 1
    assert _holds(lane, "b", NOON + SLOW + 2) == 1, "what no reservation followed is void"


def test_a_slow_account_keeps_to_its_share_while_others_hold_theirs() -> None:
    lane = Lane(256, spare=64)
    _taken(lane, 1)
    assert _holds(lane, "a", NOON + SLOW + 1) == 255
    for _ in range(160):
        lane.reserve("b")
    assert _holds(lane, "a", NOON + SLOW + 2) == 127


def test_a_single_slow_call_does_not_make_a_busy_account_of_another_wait_behind_facts() -> None:
    lane = Lane(8, spare=4)
    _taken(lane, 1, "a")
    _taken(lane, 7, "b", NOON + SLOW + 1)
    assert lane.made_up_for(NOON + SLOW + 1) == 1
    lane.reserve("b")
    assert lane.busy - lane.made_up_for(NOON + SLOW + 1) == 8, "all slots are taken: the next one waits in its topic"


def test_a_slow_account_whose_calls_all_end_at_once_is_still_known_when_it_takes_the_slots_again() -> None:
    lane = Lane(2, spare=1)
    _taken(lane, 2)
    later = NOON + TIME_OUT
    _ended(lane, 2, later)
    for _ in range(2):
        assert lane.put_off("a", later, waited=True) is None
        lane.reserve("a")
    assert lane.put_off("a", later, waited=True) is not None
    assert lane.made_up_for(later) == 1


def test_an_account_that_was_slow_is_as_any_other_when_calls_have_ended_soon_or_a_minute_has_passed() -> None:
    lane = Lane(2, spare=1)
    _taken(lane, 2)
    later = NOON + TIME_OUT
    _ended(lane, 2, later)
    assert lane.put_off("a", later + REMEMBERED + 1, waited=False) is None
    _taken(lane, 2, at=later + REMEMBERED + 1)
    assert lane.made_up_for(later + REMEMBERED + 1) == 0

    _ended(lane, 2, later + 2 * REMEMBERED)
    for _ in range(40):
        _taken(lane, 1, at=later)
        _ended(lane, 1, later + 20, began=later)
    _taken(lane, 2, at=later)
    assert lane.made_up_for(later + 20) == 0

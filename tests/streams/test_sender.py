"""The send path behind the commit: one call for each permitted attempt, its answer durable before its slot is free."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors.carriers.base import Accepted, Answer, Refused, Unknown
from connectors.memory import MemoryAnswers, MemoryBroker, drive
from connectors.ports import MachineryFault
from events.answer import AnswerReceived
from events.codec import decode_input
from events.shape import Class
from events.topics import Role
from projections.send import Call
from streams.lane import Lane
from streams.sender import BESIDE, Sender
from tests.streams.memory_world import NOON, PARTITION, Hand, call_of


@dataclass
class Line:
    """A provider that gives one answer, and a lease: both set by hand."""

    answer: Answer | Exception = Accepted("sms-1")
    leased: bool = True
    calls: list[Call] = field(default_factory=list)
    bulks: list[list[str]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        if call.send_id in self.answers:
            return self.answers[call.send_id]
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        self.bulks.append([call.send_id for call in calls])
        return [await self.send(call) for call in calls]

    def holds(self, partition: int, tenure: int) -> bool:
        return self.leased and tenure == 7


class Desk:
    """A sender with one slot a lane."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.broker = MemoryBroker()
        self.answers = MemoryAnswers(self.broker)
        self.started: list[Coroutine[Any, Any, None]] = []
        self.failures: list[BaseException] = []
        self.freed = 0
        self.sender = Sender(
            line, self.answers, line, Hand(), self.started.append, self.failures.append, self._freed,
            {Role.TRANSACTIONAL: Lane(1), Role.NEWSLETTER: Lane(1)},
        )  # fmt: skip

    def _freed(self) -> None:
        self.freed += 1

    def make(self, call: Call, tenure: int = 7) -> None:
        self.sender.reserve(call)
        self.sender.start([call], tenure)
        drive(self.started.pop())

    def all_answered(self) -> list[AnswerReceived]:
        records = self.broker.topic(Role.ANSWERS, PARTITION).records
        data = [decode_input(Role.ANSWERS, record.value).data for record in records]
        return [each for each in data if isinstance(each, AnswerReceived)]

    def answered(self) -> AnswerReceived:
        (record,) = self.broker.topic(Role.ANSWERS, PARTITION).records
        event = decode_input(Role.ANSWERS, record.value)
        assert record.key == b"acme/ana"
        assert (event.subject, event.time) == ("acme/ana", NOON)
        assert isinstance(event.data, AnswerReceived)
        return event.data


@pytest.mark.parametrize(
    ("answer", "outcome", "rest"),
    [
        (Accepted("sms-1"), "accepted", ("sms-1", None, None, None, None)),
        (Accepted(None), "accepted", (None, None, None, None, None)),
        (Refused(422, "invalid number", True, "message"), "refused", (None, 422, "invalid number", True, None)),
        (Refused(None, "", False), "refused", (None, None, None, False, None)),
        (Unknown("timeout", "after 30 s"), "unknown", (None, None, None, None, "timeout")),
    ],
)
def test_each_answer_becomes_a_record_of_the_attempts_partition(
    answer: Answer, outcome: str, rest: tuple[object, ...]
) -> None:
    desk = Desk(Line(answer))
    desk.make(call_of("ana"))
    told = desk.answered()
    assert (told.send_id, told.attempt, told.client_id, told.outcome) == ("ana", 1, "1-1-ana", outcome)
    assert (told.provider_id, told.status, told.message, told.final, told.reason) == rest
    assert not told.withheld
    assert desk.sender.calls_made == 1


def test_a_slot_is_held_from_the_reservation_until_the_answer_is_durable() -> None:
    desk = Desk(Line())
    call = call_of("ana")
    assert desk.sender.free(Role.TRANSACTIONAL) == 1
    desk.sender.reserve(call)
    assert desk.sender.free(Role.TRANSACTIONAL) == 0
    assert desk.sender.free(Role.NEWSLETTER) == 1, "lanes do not share their slots"
    desk.sender.start([call], 7)
    assert desk.sender.busy == 1
    drive(desk.started.pop())
    assert (desk.sender.busy, desk.freed) == (0, 1)


@pytest.mark.parametrize(("leased", "tenure"), [(False, 7), (True, 6)])
def test_without_a_lease_of_this_tenure_no_call_is_made_and_the_attempt_was_surely_not_taken(
    leased: bool, tenure: int
) -> None:
    desk = Desk(Line(leased=leased))
    desk.make(call_of("ana"), tenure)
    assert desk.line.calls == []
    told = desk.answered()
    assert (told.outcome, told.final, told.withheld) == ("refused", False, True)
    assert (desk.sender.calls_made, desk.sender.calls_withheld, desk.sender.busy) == (0, 1, 0)


def test_the_lease_is_asked_when_the_call_is_made_not_when_it_was_started() -> None:
    desk = Desk(Line())
    call = call_of("ana")
    desk.sender.reserve(call)
    desk.sender.start([call], 7)
    desk.line.leased = False
    drive(desk.started.pop())
    assert desk.line.calls == []


def test_an_answer_that_cannot_be_kept_stops_the_worker_and_is_not_called_again() -> None:
    desk = Desk(Line())
    desk.answers.faults.append(MachineryFault("not durable"))
    desk.make(call_of("ana"))
    (fault,) = desk.failures
    assert isinstance(fault, MachineryFault)
    assert isinstance(fault.__cause__, MachineryFault)
    assert len(desk.line.calls) == 1
    assert desk.freed == 0
    assert desk.broker.topic(Role.ANSWERS, PARTITION).records == []


def test_a_provider_that_raises_stops_the_worker_and_says_nothing_of_the_message() -> None:
    desk = Desk(Line(ValueError("+34600000000: Hola")))
    desk.make(call_of("ana"))
    (fault,) = desk.failures
    assert "ValueError" in str(fault)
    assert "+346" not in str(fault)


# --- bulk ---------------------------------------------------------------------------------------------------------


def newsletter(name: str, account: str = "acme") -> Call:
    return replace(call_of(name, Role.NEWSLETTER), account=account, subject=f"{account}/{name}")


def _bulk_desk(line: Line, slots: int = 2, size: int = 3) -> Desk:
    desk = Desk(line)
    desk.sender.lanes = {Role.TRANSACTIONAL: Lane(1), Role.NEWSLETTER: Lane(slots, size)}
    return desk


def test_newsletters_of_one_commit_and_account_share_calls_and_each_has_its_own_answer() -> None:
    line = Line(answers={"b": Refused(201, "to: bad", True, "message"), "c": Unknown("server_error")})
    desk = _bulk_desk(line)
    calls = [newsletter(name) for name in "abcd"]
    for call in calls:
        desk.sender.reserve(call)
    assert desk.sender.free(Role.NEWSLETTER) == 2
    desk.sender.start(calls, 7)
    while desk.started:
        drive(desk.started.pop(0))
    assert line.bulks == [["a", "b", "c"], ["d"]], "the last one went alone, where newsletters go"
    assert [call.send_id for call in line.calls] == ["a", "b", "c", "d"]
    told = {event.send_id: event.outcome for event in desk.all_answered()}
    assert told == {"a": "accepted", "b": "refused", "c": "unknown", "d": "accepted"}
    assert (desk.sender.busy, desk.sender.calls_made, desk.freed) == (0, 2, 2)


def test_accounts_and_connectors_never_share_a_call() -> None:
    desk = _bulk_desk(Line(), slots=9)
    calls = [newsletter("a"), newsletter("b", "other"), newsletter("c"), replace(newsletter("d"), fallback=True)]
    for call in calls:
        desk.sender.reserve(call)
    desk.sender.start(calls, 7)
    while desk.started:
        drive(desk.started.pop(0))
    assert desk.line.bulks == [["a", "c"], ["b"], ["d"]]
    assert [call.send_id for call in desk.line.calls] == ["a", "c", "b", "d"]


def test_of_a_provider_that_takes_one_sms_a_call_few_are_made_under_one_lease() -> None:
    line = Line()
    desk = _bulk_desk(line, slots=1, size=100)
    calls = [replace(newsletter(f"n{number}"), provider="twilio") for number in range(2 * BESIDE + 1)]
    for call in calls:
        desk.sender.reserve(call)
    desk.sender.start(calls, 7)
    drive(desk.started.pop(0))
    assert [len(bulk) for bulk in line.bulks] == [BESIDE]
    line.leased = False
    while desk.started:
        drive(desk.started.pop(0))
    assert len(line.calls) == BESIDE
    assert desk.sender.calls_withheld == 2


def test_transactional_attempts_go_singly_in_a_lane_of_their_own() -> None:
    desk = _bulk_desk(Line(), slots=1)
    desk.sender.lanes[Role.TRANSACTIONAL] = Lane(2)
    campaign = [newsletter(name) for name in "abc"]
    passwords = [call_of("x"), call_of("y")]
    for call in campaign + passwords:
        desk.sender.reserve(call)
    assert (desk.sender.free(Role.NEWSLETTER), desk.sender.free(Role.TRANSACTIONAL)) == (0, 0)
    desk.sender.start(campaign, 7)
    desk.sender.start(passwords, 7)
    assert len(desk.started) == 3, "no password waits for the campaign's call"
    while desk.started:
        drive(desk.started.pop(0))


def test_more_calls_than_slots_wait_for_one_in_order() -> None:
    desk = _bulk_desk(Line(), slots=1)
    calls = [newsletter("a"), newsletter("b", "b"), newsletter("c", "c")]
    for call in calls:
        desk.sender.reserve(call)
    desk.sender.start(calls, 7)
    assert len(desk.started) == 1
    for done in range(1, 4):
        drive(desk.started.pop(0))
        assert [call.send_id for call in desk.line.calls] == ["a", "b", "c"][:done]
        assert desk.sender.busy == 3 - done


def test_the_lease_is_asked_once_right_before_a_bulk_is_called() -> None:
    desk = _bulk_desk(Line())
    calls = [newsletter(name) for name in "ab"]
    for call in calls:
        desk.sender.reserve(call)
    desk.sender.start(calls, 7)
    desk.line.leased = False
    drive(desk.started.pop(0))
    assert desk.line.calls == []
    assert [(event.outcome, event.final) for event in desk.all_answered()] == [("refused", False)] * 2
    assert desk.sender.calls_withheld == 1


def test_calls_of_many_wait_their_turn_and_ask_for_the_lease_behind_it() -> None:
    desk = _bulk_desk(Line())
    waited: list[tuple[int, int]] = []

    async def give_way() -> None:
        waited.append((len(desk.line.bulks), len(desk.all_answered())))
        desk.line.leased = len(waited) != 3  # lost while the second call stands still

    desk.sender.give_way = give_way
    for names in ("ab", "cd"):
        calls = [newsletter(name) for name in names]
        for call in calls:
            desk.sender.reserve(call)
        desk.sender.start(calls, 7)
        drive(desk.started.pop(0))
    assert waited == [(0, 0), (1, 0), (1, 2), (1, 2)], "before the call, and before its answers are written"
    assert desk.line.bulks == [["a", "b"]]
    assert desk.sender.calls_withheld == 1
    desk.sender.reserve(call_of("x"))
    desk.sender.start([call_of("x")], 7)
    drive(desk.started.pop(0))
    assert len(waited) == 4, "and a transactional one waits for nobody"


def test_a_bulk_whose_answers_cannot_be_kept_stops_the_worker() -> None:
    desk = _bulk_desk(Line())
    desk.answers.faults.append(MachineryFault("not durable"))
    calls = [newsletter(name) for name in "ab"]
    for call in calls:
        desk.sender.reserve(call)
    desk.sender.start(calls, 7)
    drive(desk.started.pop(0))
    assert len(desk.failures) == 1
    assert desk.sender.busy == 2, "nobody here may think that they were answered"


@dataclass
class Heard:
    """What was told, and what is said to it."""

    retry_at: int | None = None
    told_: list[tuple[str, int, bool]] = field(default_factory=list)

    def told(
        self, account: str, class_: Class, answers: Sequence[Answer], now: int, *, fallback: bool = False
    ) -> int | None:
        self.told_.append((account, len(answers), fallback))
        return self.retry_at


def test_what_was_surely_not_taken_bears_when_it_may_be_tried_again() -> None:
    desk = _bulk_desk(Line(Refused(429, "", False, "rate"), answers={"b": Refused(422, "", True, "message")}))
    heard = desk.sender.hearing = Heard(NOON + 9_000)
    calls = [newsletter(name) for name in "ab"]
    for call in calls:
        desk.sender.reserve(call)
    desk.sender.start(calls, 7)
    drive(desk.started.pop(0))
    assert [event.retry_at for event in desk.all_answered()] == [NOON + 9_000, None]
    assert heard.told_ == [("acme", 2, False)]


@dataclass
class Choosy(Line):
    """A provider that takes at most two together, and a lease that ends after some calls."""

    permitted: int = 1_000

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        self.permitted -= 1
        self.leased = self.permitted > 0
        if len(calls) > 2:
            self.bulks.append([call.send_id for call in calls])
            return [Refused(413, "the batch was refused as a whole", final=False, scope="batch")] * len(calls)
        return await super().send_many(calls)


@pytest.mark.parametrize(
    ("permitted", "taken"),
    [(1, []), (2, []), (3, ["n0", "n1"]), (4, ["n0", "n1", "n2", "n3"]), (100, [f"n{n}" for n in range(8)])],
)
def test_each_part_of_a_batch_that_was_refused_asks_for_the_lease_again(permitted: int, taken: list[str]) -> None:
    line = Choosy(permitted=permitted)
    desk = Desk(line)
    desk.sender.lanes[Role.NEWSLETTER] = Lane(1, 8)
    calls = [call_of(f"n{n}", Role.NEWSLETTER) for n in range(8)]
    for call in calls:
        desk.sender.reserve(call)
    desk.sender.start(calls, 7)
    drive(desk.started.pop())
    assert [call.send_id for call in line.calls] == taken
    answered = {data.send_id: data for data in desk.all_answered()}
    assert [name for name, data in answered.items() if data.outcome == "accepted"] == taken
    withheld = [data for data in answered.values() if data.outcome == "refused"]
    assert len(withheld) == 8 - len(taken)
    assert all((data.status, data.final) == (None, False) for data in withheld)
    assert desk.failures == []

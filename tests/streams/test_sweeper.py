"""Unknown attempts are found in the provider's list, and what is found goes to the engine, as an answer."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from connectors import simulator
from connectors.carriers.base import Listed, NotListed, Page, RateHeaders
from connectors.carriers.connections import Connections
from connectors.carriers.instasent import Instasent
from connectors.carriers.memory import MemoryCarrier, Sent
from connectors.memory import MemoryAnswers, MemoryBroker, drive
from connectors.ports import MachineryFault
from connectors.simulator import Config, Fault, Token
from events.answer import AnswerReceived, Report
from events.codec import decode_input
from events.envelope import Input
from events.message import MessageStateChanged
from events.send import SendAccepted
from events.topics import Role
from projections.send import Call
from projections.unsettled import OVERDUE, Overdue, Unsettled
from streams.reconciliation import ASK_EVERY, BUDGET, FIRST, LONGEST
from streams.sweeper import ASKED, AT_ONCE, Sweeper
from streams.unsettled import Owned
from tests.streams.memory_world import Hand
from tests.streams.one_partition import KEY, PARTITION, OnePartition, said


@dataclass
class Shelf:
    """ports.Lists over one carrier, with a note of what was asked."""

    carrier: Any
    asked: list[tuple[str, bool, str | None]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    async def page(self, account: str, provider: str, fallback: bool, cursor: str | None, since: int) -> Any:
        self.asked.append((account, fallback, cursor))
        return await self.carrier.page(cursor, since)

    async def look_up(self, account: str, provider: str, fallback: bool, provider_id: str) -> Any:
        self.looked_up.append(provider_id)
        return await self.carrier.look_up(provider_id)


class Desk:
    """A sweeper over one partition whose engine is played by hand."""

    def __init__(self, carrier: Any) -> None:
        self.world = OnePartition()
        self.world.subscriber()
        self.clock = Hand(self.world.now)
        self.carrier = carrier
        self.shelf = Shelf(carrier)
        self.broker = MemoryBroker()
        self.answers = MemoryAnswers(self.broker)
        self.started: list[Coroutine[Any, Any, None]] = []
        self.failures: list[BaseException] = []
        owned = Owned(lambda: {PARTITION: self.world.view}, KEY, self.clock)
        self.sweeper = Sweeper(
            self.shelf, self.answers, self.clock, self.started.append, self.failures.append,
            owned.unsettled, owned.overdue,
        )  # fmt: skip
        self.read = 0

    def unknown(self, send_id: str = "s", *, taken: bool = True) -> Call:
        call = self.world.attempt(send_id)
        self.world.answer(call, "unknown", reason="timeout")
        if taken:
            self.carrier.sent.append(Sent(call.client_id, call.to, call.sender, call.text, False))
        return call

    def look(self, after: int = 0) -> None:
        """Let time pass, look, and sweep to the end."""
        self.clock.at += after
        self.world.now = self.clock.at
        self.sweeper.look()
        while self.started:
            drive(self.started.pop(0))

    def events(self) -> list[Input]:
        """What was written since the last time."""
        records = self.broker.topic(Role.ANSWERS, PARTITION).records
        new, self.read = records[self.read :], len(records)
        return [decode_input(Role.ANSWERS, record.value) for record in new]

    def fold(self) -> list[Any]:
        """The engine reads what was written."""
        return [fact for event in self.events() for fact in said(self.world.handle(event, Role.ANSWERS))]


@pytest.fixture
def desk() -> Desk:
    return Desk(MemoryCarrier())


def test_one_sweep_settles_all_of_an_account_s_unknown_attempts_that_the_list_has(desk: Desk) -> None:
    calls = [desk.unknown(f"s{n}") for n in range(5)] + [desk.unknown("lost", taken=False)]
    desk.look()
    assert desk.shelf.asked == []
    desk.look(FIRST)
    desk.look(FIRST)
    facts = desk.fold()
    assert {fact.send_id for fact in facts if isinstance(fact, SendAccepted)} == {f"s{n}" for n in range(5)}
    assert desk.world.send(calls[-1]).phase == "unknown"
    assert [cursor for _, _, cursor in desk.shelf.asked] == [None, "100"]
    assert (desk.sweeper.counts.sweeps, desk.sweeper.counts.settled) == (1, 5)


def test_what_is_written_says_where_it_was_found_and_nothing_about_the_contact_s_number(desk: Desk) -> None:
    call = desk.unknown()
    desk.look()
    desk.look(FIRST)
    (event,) = desk.events()
    assert (event.source, event.subject, event.id) == ("/recado/sweeper", call.subject, f"{call.client_id}/accepted/")
    assert event.data == AnswerReceived(
        send_id="s", attempt=1, client_id=call.client_id, outcome="accepted", provider_id="memory-1",
        report=Report(provider="instasent", status="accepted", code=None),
    )  # fmt: skip
    assert call.to not in repr(event)


def test_what_is_not_in_the_list_is_looked_for_less_and_less_often_and_nothing_is_said_of_it(desk: Desk) -> None:
    call = desk.unknown(taken=False)
    swept_at = []
    for second in range(0, 3_600, 10):
        before = desk.sweeper.counts.sweeps
        desk.look(10_000)
        if desk.sweeper.counts.sweeps > before:
            swept_at.append(second)
    waits = [later - earlier for earlier, later in pairwise(swept_at)]
    assert waits == [60, 120, 240, 480, 900, 900]
    assert desk.events() == []
    assert desk.world.send(call).phase == "unknown"


def test_without_unknown_attempts_no_list_is_asked(desk: Desk) -> None:
    desk.world.attempt()
    for _ in range(20):
        desk.look(LONGEST)
    assert (desk.shelf.asked, desk.shelf.looked_up) == ([], [])


def test_a_long_list_is_read_over_several_sweeps_each_within_its_budget(desk: Desk) -> None:
    call = desk.unknown()
    desk.carrier.page_size = 1
    desk.carrier.sent += [Sent(f"other-{n}", "", "", "", False) for n in range(BUDGET + 5)]
    desk.look()
    desk.look(FIRST)
    assert (len(desk.shelf.asked), desk.fold()) == (BUDGET, [])
    desk.look(FIRST)
    assert [cursor for _, _, cursor in desk.shelf.asked[BUDGET:]] == [str(n) for n in range(BUDGET, BUDGET + 6)]
    assert [type(fact) for fact in desk.fold()] == [SendAccepted, MessageStateChanged]
    assert desk.world.send(call).phase == "accepted"


def test_a_list_that_is_not_to_be_had_is_no_evidence_and_is_asked_for_later(desk: Desk) -> None:
    desk.unknown()
    desk.look()
    desk.carrier.unlisted += [
        NotListed("HTTP 500"),
        NotListed("", "rate", RateHeaders(reset_at=desk.clock.at + FIRST + 60_000 + 90_000)),
        NotListed("HTTP 401", "account"),
    ]
    for wait in (FIRST, 60_000, 120_000, LONGEST):
        desk.look(wait - 1)
        before = len(desk.shelf.asked)
        desk.look(1)
        assert len(desk.shelf.asked) > before
    assert len(desk.fold()) == 2
    assert desk.sweeper.counts.refused == 3


def test_the_second_connector_s_attempts_are_looked_for_in_its_own_list(desk: Desk) -> None:
    attempts = [
        Unsettled("acme", f"acme/{n}", 1, "s", 1, f"c{n}", desk.clock.at, "instasent", n == 1) for n in range(2)
    ]
    desk.sweeper.unsettled = lambda: attempts
    desk.look()
    desk.look(FIRST)
    assert {(account, fallback) for account, fallback, _ in desk.shelf.asked} == {("acme", False), ("acme", True)}


def test_no_more_than_a_few_lists_are_asked_at_once(desk: Desk) -> None:
    desk.sweeper.unsettled = lambda: [
        Unsettled(f"a{n}", f"a{n}/x", 1, "s", 1, f"c{n}", desk.clock.at) for n in range(3 * AT_ONCE)
    ]
    desk.sweeper.look()
    desk.clock.at += FIRST
    desk.sweeper.look()
    assert len(desk.started) == AT_ONCE
    desk.sweeper.look()
    assert len(desk.started) == AT_ONCE
    asked = set()
    for _ in range(3):
        while desk.started:
            drive(desk.started.pop())
        asked |= {account for account, _, _ in desk.shelf.asked}
        desk.sweeper.look()
    assert len(asked) == 3 * AT_ONCE


def test_a_finding_that_cannot_be_kept_is_a_fault_of_the_machinery(desk: Desk) -> None:
    desk.unknown()
    desk.answers.faults.append(MachineryFault("the broker is away"))
    desk.look()
    desk.look(FIRST)
    assert [type(failure) for failure in desk.failures] == [MachineryFault]
    assert not desk.sweeper.busy


def test_a_message_whose_receipts_are_lost_is_asked_about_after_48_hours(desk: Desk) -> None:
    call = desk.world.attempt()
    desk.carrier.sent.append(Sent(call.client_id, call.to, call.sender, call.text, False))
    desk.world.answer(call, provider_id="memory-1")
    desk.look(OVERDUE - 1)
    assert desk.shelf.looked_up == []
    desk.look(1)
    assert (desk.shelf.looked_up, desk.shelf.asked) == (["memory-1"], [])
    assert desk.fold() == [MessageStateChanged("s", 1, "accepted", "accepted", "accepted", None, None, None)]


def test_one_look_asks_about_a_bounded_number_of_messages_and_not_about_the_same_again(desk: Desk) -> None:
    messages = [Overdue("acme", "acme/ana", PARTITION, f"s{n}", 1, f"c{n}", f"memory-{n}") for n in range(ASKED + 3)]
    desk.sweeper.overdue = lambda: messages
    for _ in range(4):
        desk.look()
    assert sorted(desk.shelf.looked_up) == sorted(message.provider_id for message in messages)
    desk.look(ASK_EVERY)
    assert len(desk.shelf.looked_up) == len(messages) + ASKED


def test_a_message_that_another_id_answers_for_says_nothing(desk: Desk) -> None:
    desk.sweeper.overdue = lambda: [Overdue("acme", "acme/ana", PARTITION, "s", 1, "c", "p1")]
    for other in (Listed("c", "p2", "delivered"), Listed("d", "p1", "delivered")):
        desk.shelf.look_up = answering(Page((other,)))  # type: ignore[method-assign]
        desk.look(ASK_EVERY)
        assert desk.events() == []
    desk.shelf.look_up = answering(Page((Listed(None, "p1", "delivered"),)))  # type: ignore[method-assign]
    desk.look(ASK_EVERY)
    assert len(desk.events()) == 1


def answering(answer: Page) -> Any:
    async def look_up(*_: Any) -> Page:
        return answer

    return look_up


# --- against the simulator -----------------------------------------------------------------------------------------


def test_what_a_lost_answer_left_unknown_is_settled_by_the_simulated_provider_s_list() -> None:
    """Accepted and dropped, or dropped and not accepted; shown late; the list itself broken for a while."""

    async def scenario() -> None:
        config = Config(tokens=(Token(token="t0k3n"),), journey=())
        async with simulator.running(config) as running, Connections() as connections:
            carrier = Instasent(connections, "t0k3n", running.url)
            desk = Desk(carrier)
            for n, kind in enumerate(("drop_after", "drop_before", "garbage", "status_after")):
                running.faults.order([Fault(kind=kind, times=1)])  # type: ignore[arg-type]
                call = desk.world.attempt(f"s{n}")
                await carrier.send(call, allow_unicode=False)
                desk.world.answer(call, "unknown", reason="connection_lost")
            running.provider.modes = running.provider.modes.model_copy(update={"list_lag": 3_600.0})
            running.faults.order([Fault(kind="huge_body", endpoint="list", times=1)])
            desk.sweeper.look()
            for _ in range(8):
                desk.clock.at += LONGEST
                desk.sweeper.look()
                while desk.started:
                    await desk.started.pop()
                assert desk.fold() == []
            running.provider.modes = running.provider.modes.model_copy(update={"list_lag": 0.0})
            desk.clock.at += LONGEST
            desk.sweeper.look()
            await desk.started.pop()
            desk.fold()
            phases = [desk.world.send(call).phase for call in desk.world.calls]
            assert phases == ["accepted", "unknown", "accepted", "accepted"]
            assert desk.sweeper.counts.settled == 3
            assert running.ledger.second_sends == 0

    asyncio.run(scenario())


def test_a_list_without_client_ids_settles_nothing() -> None:
    async def scenario() -> None:
        config = Config.model_validate({"tokens": [Token(token="t0k3n")], "modes": {"list_client_ids": False}})
        async with simulator.running(config) as running, Connections() as connections:
            carrier = Instasent(connections, "t0k3n", running.url)
            desk = Desk(carrier)
            call = desk.world.attempt()
            await carrier.send(call, allow_unicode=False)
            desk.world.answer(call, "unknown", reason="timeout")
            desk.sweeper.look()
            desk.clock.at += FIRST
            desk.sweeper.look()
            await desk.started.pop()
            assert (desk.events(), desk.world.send(call).phase) == ([], "unknown")

    asyncio.run(scenario())

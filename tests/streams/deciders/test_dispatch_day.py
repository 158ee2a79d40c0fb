"""The limit of a day, against fraud and runaway loops."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from events import client_id, instant
from events.send import SendAccepted, SendAttempted, SendDeferred, SendSkipped
from projections import keyspace, send
from projections.keyspace import View
from projections.quota import day
from streams.allowance import Ledger, Standing
from tests.streams.one_partition import PARTITION, OnePartition, folded, rebuilt, said

HOUR = 3_600_000
_SAID_OF: Final[Mapping[str, Any]] = {"accepted": {}, "refused": {"final": False}, "unknown": {"reason": "timeout"}}


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    world.subscriber("acme/eva", "+34612345679")
    world.configure(limits={"per_day": 2})
    return world


def _skipped(world: OnePartition, send_id: str) -> SendSkipped:
    (fact,) = said(world.request(send_id))
    assert isinstance(fact, SendSkipped)
    return fact


def _counted(world: OnePartition, day: str = "2026-11-23") -> int:
    return world.view.get(keyspace.day_key("acme", day)) or 0


def _sent(world: OnePartition, hashed: str) -> send.State:
    state: send.State = world.view.get(keyspace.send_key(hashed))
    return state


def test_no_more_is_attempted_in_a_day_whoever_gets_it(world: OnePartition) -> None:
    world.attempt("s1")
    world.attempt("s2", to={"alert": "+34612345678"}, class_="newsletter")
    fact = _skipped(world, "s3")
    assert fact.reason == "account_limit"
    assert fact.detail == "the account allows 2 SMS a day, and attempted 2 on 2026-11-23"
    seen = {name: fact.looked_at[name] for name in ("day", "per_day", "sent_that_day", "share")}
    assert seen == {"day": "2026-11-23", "per_day": 2, "sent_that_day": 2, "share": 2}
    (other,) = said(world.request("s4", subject="acme/eva"))
    assert isinstance(other, SendSkipped)


def test_the_day_begins_at_midnight_in_the_account_s_time_zone(world: OnePartition) -> None:
    world.attempt("s1")
    world.attempt("s2")
    world.wait(16 * HOUR - 1)  # 23:59:59.999 in Madrid
    assert _skipped(world, "s3").reason == "account_limit"
    world.wait(1)
    world.attempt("s4")


def test_a_send_that_cannot_leave_the_machine_is_not_lost_to_the_limit(world: OnePartition) -> None:
    world.configure(limits={"per_day": 3})
    call = world.attempt("password")
    for _ in range(3):
        before = len(world.calls)
        world.answer(call, "refused", message="no connection", final=False)
        world.wait(HOUR)
        assert len(world.calls) == before + 1
        call = world.calls[-1]
    assert [type(fact) for fact in world.answer(call)] == [SendAccepted]
    assert _counted(world) == 1


def test_a_bulk_that_was_refused_and_is_tried_again_the_same_day_counts_once(world: OnePartition) -> None:
    world.configure(limits={"per_day": 5})
    bulk = [world.attempt(f"s{number}", class_="newsletter") for number in range(4)]
    for call in bulk:
        world.answer(call, "refused", status=429, final=False)
    again = [fact for fact in world.wait(HOUR) if isinstance(fact, SendAttempted)]
    assert [(fact.attempt, fact.day) for fact in again] == [(2, None)] * 4
    assert _counted(world) == 4
    world.attempt("s4")
    assert _skipped(world, "s5").detail == "the account allows 5 SMS a day, and attempted 5 on 2026-11-23"


def test_an_attempt_on_the_next_day_counts_there(world: OnePartition) -> None:
    world.answer(
        world.attempt("s1"), "refused", status=429, final=False, retry_at=instant.render(world.now + 17 * HOUR)
    )
    (fact,) = world.wait(17 * HOUR)
    assert isinstance(fact, SendAttempted)
    assert (fact.attempt, fact.day) == (2, "2026-11-24")
    assert (_counted(world), _counted(world, "2026-11-24")) == (1, 1)
    world.answer(world.calls[-1], "refused", status=429, final=False)
    world.wait(HOUR)
    assert (_counted(world), _counted(world, "2026-11-24")) == (1, 1)


def test_a_day_on_which_it_did_not_count_yet_may_be_full(world: OnePartition) -> None:
    world.answer(
        world.attempt("s1"), "refused", status=429, final=False, retry_at=instant.render(world.now + 17 * HOUR)
    )
    world.wait(16 * HOUR)
    world.attempt("s2")
    world.attempt("s3")
    (fact,) = world.wait(HOUR)
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "account_limit"


def test_what_holds_its_place_of_the_day_is_not_judged_again(world: OnePartition) -> None:
    world.answer(world.attempt("s1"), "refused", status=429, final=False)
    world.attempt("s2")
    world.configure(limits={"per_day": 1})
    (fact,) = world.wait(HOUR)
    assert isinstance(fact, SendAttempted)
    assert fact.looked_at.items() >= {"day": "2026-11-23", "per_day": 1, "counted": True}.items()
    assert "share" not in fact.looked_at


def test_a_place_is_used_up_by_an_attempt_that_may_have_gone(world: OnePartition) -> None:
    call = world.attempt("s1")
    hashed = client_id.send_hash(call.subject, "s1")
    assert not _sent(world, hashed).holds("2026-11-23")
    world.answer(call, "unknown", reason="timeout")
    assert not _sent(world, hashed).holds("2026-11-23")
    world.answer(call, "refused", final=False)
    assert _sent(world, hashed).holds("2026-11-23")
    assert not _sent(world, hashed).holds("2026-11-24")


def test_a_send_that_was_kept_before_days_were_remembered_counts_with_each_attempt(world: OnePartition) -> None:
    call = world.attempt("s1")
    world.answer(call, "refused", status=429, final=False)
    key = keyspace.send_key(client_id.send_hash(call.subject, "s1"))
    stored = orjson.loads(keyspace.encode(key, world.view.get(key)))
    assert stored[-1] == "2026-11-23"
    world.view.put(key, keyspace.decode(key, orjson.dumps(stored[:-1])))
    (fact,) = world.wait(HOUR)
    assert isinstance(fact, SendAttempted)
    assert fact.day == "2026-11-23"
    assert _counted(world) == 2


def test_attempts_before_the_limit_was_set_count(world: OnePartition) -> None:
    world.configure(limits=None)
    for number in range(3):
        world.attempt(f"s{number}")
    world.configure(limits={"per_day": 3})
    assert _skipped(world, "s4").looked_at["sent_that_day"] == 3
    world.configure(limits={"per_day": 4})
    world.attempt("s5")


def test_the_journal_alone_brings_the_counts_back(world: OnePartition) -> None:
    world.attempt("s1")
    world.attempt("s2", subject="acme/eva")
    world.answer(world.calls[0], "refused", status=429, final=False)
    world.answer(world.calls[1], "refused", status=429, final=False, retry_at=instant.render(world.now + 17 * HOUR))
    assert len([fact for fact in world.wait(17 * HOUR) if isinstance(fact, SendAttempted)]) == 2
    view = rebuilt(world.facts)
    assert folded(view) == folded(world.view)
    assert [view.get(keyspace.day_key("acme", f"2026-11-{of}")) for of in (23, 24)] == [2, 1]


def test_what_needs_another_partition_s_part_waits_a_moment(world: OnePartition) -> None:
    views: dict[int, View] = {PARTITION: world.view, **{of: keyspace.MemoryView() for of in range(3)}}
    world.ledger = Ledger(8, lambda: views)  # two SMS in eight partitions: this one has no part of its own
    assert world.ledger.of(0).ask("acme", "2026-11-23", 2) == Standing(0, 1)
    (waits,) = said(world.request("s1"))
    assert isinstance(waits, SendDeferred)
    assert (waits.reason, waits.until) == ("rate", world.now + 250)
    assert waits.looked_at["opening"]


def test_a_worker_with_a_part_of_the_day_says_that_its_part_is_used_up(world: OnePartition) -> None:
    world.configure(limits={"per_day": 8})
    world.ledger = Ledger(8, lambda: {PARTITION: world.view})
    world.attempt("s1")
    detail = "the account allows 8 SMS a day; this worker's part of it is 1, and used up on 2026-11-23"
    assert _skipped(world, "s2").detail == detail


def test_an_account_without_a_limit_is_counted_and_never_asked(world: OnePartition) -> None:
    world.configure(limits=None)
    fact = said(world.request("s1"))[0]
    assert isinstance(fact, SendAttempted)
    assert fact.day == "2026-11-23"
    assert "share" not in fact.looked_at


class Days(RuleBasedStateMachine):
    """Sends that are asked for, refused, taken or of an unknown outcome, while time passes."""

    @initialize(per_day=st.integers(0, 4))
    def begin(self, per_day: int) -> None:
        self.world = OnePartition()
        self.world.subscriber()
        self.world.configure(limits={"per_day": per_day}, resend_unknown=["transactional"])
        self.per_day, self.answered, self.asked = per_day, 0, 0

    @rule()
    def ask(self) -> None:
        self.asked += 1
        self.world.request(f"s{self.asked}")

    @rule(outcome=st.sampled_from(["accepted", "refused", "refused", "unknown"]))
    def answer(self, outcome: str) -> None:
        if self.answered < len(self.world.calls):
            self.world.answer(self.world.calls[self.answered], outcome, **_SAID_OF[outcome])
            self.answered += 1

    @rule(hours=st.sampled_from([0, 1, 9, 25, 80]))
    def wait(self, hours: int) -> None:
        self.world.wait(hours * HOUR + 20 * 60_000)

    @invariant()
    def each_day_counts_the_sends_that_were_attempted_on_it_and_no_more_than_it_allows(self) -> None:
        if not hasattr(self, "world"):
            return
        attempted: dict[str, set[str]] = {}
        for fact in self.world.facts:
            if isinstance(fact.data, SendAttempted):
                attempted.setdefault(day(fact.time, "Europe/Madrid"), set()).add(fact.data.send_id)
        counts = {key[-10:].decode(): count for key, count in self.world.view.scan(keyspace.DAYS, 99)}
        assert counts == {on: len(sends) for on, sends in attempted.items()}
        assert max(counts.values(), default=0) <= self.per_day
        assert folded(rebuilt(self.world.facts)) == folded(self.world.view)


TestDays = Days.TestCase

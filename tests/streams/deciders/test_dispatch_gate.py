"""What may not go now for its account's sake waits, and holds up nothing else."""

from dataclasses import dataclass, field

import pytest

from events.examples import SEVEN
from events.send import SendAttempted, SendDeferred, SendGivenUp, SendSkipped
from events.shape import Class
from projections.account import Account
from streams.deciders.answer import RESOLVE_WITHIN
from streams.leave import GO, Leave
from tests.streams.one_partition import OnePartition, folded, rebuilt, said


@dataclass
class Told:
    """A gate that says what it is told to; `asked` is what it was asked."""

    leave: Leave = GO
    asked: list[tuple[str, Class, int, bool]] = field(default_factory=list)

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False) -> Leave:
        self.asked.append((account.name, class_, now, waited))
        return self.leave


def _world(leave: Leave = GO) -> tuple[OnePartition, Told]:
    gate = Told(leave)
    world = OnePartition(gate=gate)
    world.subscriber()
    return world, gate


@pytest.mark.parametrize("reason", ["rate", "circuit"])
@pytest.mark.parametrize("class_", ["transactional", "newsletter"])
def test_a_send_without_leave_is_deferred_until_then_and_says_why(class_: Class, reason: str) -> None:
    world, gate = _world(Leave(SEVEN + 5_000, "circuit" if reason == "circuit" else "rate"))
    decision = world.request(class_=class_)
    (fact,) = said(decision)
    assert isinstance(fact, SendDeferred)
    assert (fact.until, fact.reason, fact.class_) == (SEVEN + 5_000, reason, class_)
    assert fact.looked_at["settings_version"] == world.accounts.version
    assert not decision.calls
    assert gate.asked == [("acme", class_, SEVEN, False)]


def test_a_send_that_waited_asks_again_when_its_time_has_come_and_is_known_as_one_that_waited() -> None:
    world, gate = _world(Leave(SEVEN + 5_000, "rate"))
    world.request()
    gate.leave = GO
    (fact,) = world.wait(5_000)
    assert isinstance(fact, SendAttempted)
    assert gate.asked[1] == ("acme", "transactional", SEVEN + 5_000, True)


def test_a_send_may_wait_many_times_over() -> None:
    world, gate = _world(Leave(SEVEN + 1_000, "rate"))
    world.request()
    gate.leave = Leave(SEVEN + 9_000, "circuit")
    (fact,) = world.wait(1_000)
    assert isinstance(fact, SendDeferred)
    gate.leave = GO
    assert [type(fact) for fact in world.wait(8_000)] == [SendAttempted]


def test_what_must_not_go_anyhow_takes_nothing_from_the_gate() -> None:
    world, gate = _world()
    world.update(_smsSubscriptionStatus="unsubscribed")
    assert [type(fact) for fact in said(world.request(class_="newsletter"))] == [SendSkipped]
    assert gate.asked == []


def test_eligibility_is_decided_when_the_wait_is_over() -> None:
    world, gate = _world(Leave(SEVEN + 5_000, "rate"))
    world.request(class_="newsletter")
    world.update(_smsSubscriptionStatus="unsubscribed")
    gate.leave = GO
    assert [type(fact) for fact in world.wait(5_000)] == [SendSkipped]


def test_a_given_up_attempt_that_may_go_again_waits_for_its_leave_like_any_other() -> None:
    world, gate = _world()
    world.configure(resend_unknown=["transactional"])
    call = world.attempt()
    world.answer(call, "unknown", reason="timeout")
    gate.leave = Leave(SEVEN + RESOLVE_WITHIN + 1_000, "rate")
    assert [type(fact) for fact in world.wait(RESOLVE_WITHIN)] == [SendGivenUp, SendDeferred]
    gate.leave = GO
    (fact,) = world.wait(1_000)
    assert isinstance(fact, SendAttempted)
    assert fact.attempt == 2


def test_the_journal_alone_rebuilds_what_waits() -> None:
    world, _ = _world(Leave(SEVEN + 5_000, "rate"))
    world.request()
    assert folded(rebuilt(world.facts)) == folded(world.view)

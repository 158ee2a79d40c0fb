"""On an open circuit a new send may go by the account's second connector, and what may have reached the first never."""

from typing import Any

import pytest

from events.examples import SEVEN
from events.send import SendAccepted, SendAttempted, SendDeferred, SendGivenUp
from projections import keyspace
from projections.unsettled import unsettled
from streams.deciders.answer import RESOLVE_WITHIN
from streams.deciders.settlement import STILL_UNDER_WAY
from streams.leave import GO, Leave
from tests.streams.deciders.test_dispatch_gate import Told
from tests.streams.one_partition import KEY, PARTITION, OnePartition, folded, rebuilt, said

FALLBACK: dict[str, Any] = {"provider": "twilio", "token": {"sealed": "v1.y"}}
OPEN = Leave(SEVEN + 900_000, "circuit", fallback=True)


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition(gate=Told(OPEN))
    world.configure(fallback=FALLBACK)
    world.subscriber()
    return world


def gate(world: OnePartition) -> Told:
    assert isinstance(world.gate, Told)
    return world.gate


@pytest.mark.parametrize("class_", ["transactional", "newsletter"])
def test_a_new_send_goes_by_the_second_connector_and_its_fact_and_call_say_so(world: OnePartition, class_: Any) -> None:
    decision = world.request(class_=class_)
    (fact,), (call,) = said(decision), decision.calls
    assert isinstance(fact, SendAttempted)
    assert (fact.provider, fact.fallback) == (call.provider, call.fallback) == ("twilio", True)


def test_by_the_first_connector_it_says_its_provider(world: OnePartition) -> None:
    gate(world).leave = GO
    (call,) = world.request().calls
    assert (call.provider, call.fallback) == ("instasent", False)


def test_a_send_waits_where_the_other_connector_was_taken_away(world: OnePartition) -> None:
    world.configure(fallback=None)
    (fact,) = said(world.request())
    assert isinstance(fact, SendDeferred)
    assert (fact.until, fact.reason) == (OPEN.until, "circuit")


def test_what_the_first_surely_did_not_take_may_go_by_the_second(world: OnePartition) -> None:
    gate(world).leave = GO
    world.answer(world.attempt(), "refused", status=401, final=False)
    gate(world).leave = OPEN
    *_, fact = world.wait(60_000)
    assert isinstance(fact, SendAttempted)
    assert (fact.attempt, fact.fallback) == (2, True)


def test_an_attempt_whose_outcome_is_unknown_is_never_followed_by_one_at_the_second(world: OnePartition) -> None:
    gate(world).leave = GO
    world.configure(resend_unknown=["transactional"])
    world.answer(world.attempt(), "unknown", reason="timeout")
    gate(world).leave = Leave(SEVEN + RESOLVE_WITHIN + 900_000, "circuit", fallback=True)
    gave_up, deferred = world.wait(RESOLVE_WITHIN)
    assert gave_up == SendGivenUp("s", 1)
    assert isinstance(deferred, SendDeferred)
    gate(world).leave = GO
    *_, again = world.wait(900_000)
    assert isinstance(again, SendAttempted)
    assert (again.attempt, again.fallback) == (2, False)


def test_nor_is_one_that_was_sent_again_and_refused_then(world: OnePartition) -> None:
    gate(world).leave = GO
    world.configure(resend_unknown=["transactional"])
    world.answer(world.attempt(), "unknown", reason="timeout")
    world.wait(RESOLVE_WITHIN)
    world.answer(world.calls[-1], "refused", status=401, final=False)
    gate(world).leave = Leave(world.now + 900_000, "circuit", fallback=True)
    *_, fact = world.wait(60_000)
    assert isinstance(fact, SendDeferred)


def test_what_an_operator_settled_as_refused_may_go_by_the_second(world: OnePartition) -> None:
    gate(world).leave = GO
    call = world.attempt()
    world.answer(call, "unknown", reason="timeout")
    world.wait(STILL_UNDER_WAY)
    gate(world).leave = OPEN
    *_, fact = said(world.settle(call, "refused", again=True))
    assert isinstance(fact, SendAttempted)
    assert fact.fallback


def test_after_more_attempts_than_are_kept_nothing_falls_back(world: OnePartition) -> None:
    gate(world).leave = GO
    call = world.attempt()
    for _ in range(9):
        world.answer(call, "refused", status=429, final=False)
        world.wait(900_000)
        call = world.calls[-1]
    world.answer(call, "refused", status=429, final=False)
    gate(world).leave = Leave(world.now + 9_000_000, "circuit", fallback=True)
    *_, fact = world.wait(900_000)
    assert isinstance(fact, SendDeferred)


def test_an_unknown_attempt_at_the_second_is_looked_for_there_by_what_it_looks_like(world: OnePartition) -> None:
    (call,) = world.request().calls
    world.answer(call, "unknown", reason="timeout")
    (one,) = unsettled(world.view, PARTITION, KEY)
    assert (one.provider, one.fallback, one.client_id) == ("twilio", True, call.client_id)
    assert one.likeness is not None
    assert folded(rebuilt(world.facts)) == folded(world.view)
    world.receipt(call.client_id, "delivered", provider="twilio")
    assert isinstance(world.facts[-2].data, SendAccepted)
    assert world.view.scan(keyspace.UNSETTLED, 1) == []

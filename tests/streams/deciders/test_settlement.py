"""An operator settles by hand an attempt whose outcome nobody knows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from events.message import MessageStateChanged
from events.send import SendAccepted, SendAttempted, SendGivenUp, SendRefused, SendSkipped
from projections.send import Call
from streams.deciders.answer import RESOLVE_WITHIN
from streams.deciders.settlement import STILL_UNDER_WAY
from tests.streams.one_partition import OnePartition, folded, rebuilt, said

MINUTE = 60_000
ANA: dict[str, Any] = {"evidence": "operator", "by": "ana", "because": "the dashboard shows it"}


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    return world


TAKEN_AFTER_ALL = MessageStateChanged("s", 1, "accepted", "accepted", "accepted", None, None, None)


def _unknown(world: OnePartition, send_id: str = "s", **data: Any) -> Call:
    call = world.attempt(send_id, **data)
    world.answer(call, "unknown", reason="timeout")
    return call


def test_an_unknown_attempt_is_settled_as_accepted_with_who_and_why(world: OnePartition) -> None:
    call = _unknown(world)
    assert said(world.settle(call, "accepted")) == [SendAccepted("s", 1, None, ANA)]
    assert world.wait(RESOLVE_WITHIN) == []
    assert world.view.scan(b"x/", 10) == []


def test_an_unknown_attempt_is_settled_as_refused_for_good(world: OnePartition) -> None:
    call = _unknown(world)
    assert said(world.settle(call, "refused")) == [SendRefused("s", 1, None, None, True, ANA)]
    assert world.wait(RESOLVE_WITHIN) == []
    assert len(world.calls) == 1
    assert world.view.scan(b"x/", 10) == []


class Case(NamedTuple):
    """When an operator says `refused, try again`, and whether another attempt follows."""

    since: int = STILL_UNDER_WAY  # ms since nobody knows
    resend: tuple[str, ...] = ()
    settled: Mapping[str, Any] | None = None
    follows: bool = True


CASES = {
    "long enough after": Case(),
    "while the call may still be on its way": Case(since=STILL_UNDER_WAY - 1, follows=False),
    "without being asked to": Case(settled={"again": False}, follows=False),
    "of the attempt by its number": Case(settled={"attempt": 1}),
    "after it was given up": Case(since=RESOLVE_WITHIN, follows=False),
    "after it was given up, where that is wanted for another class": Case(
        since=RESOLVE_WITHIN, resend=("newsletter",), follows=False
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_another_attempt_follows_only_where_the_contract_allows_it(world: OnePartition, name: str) -> None:
    case = CASES[name]
    world.configure(resend_unknown=list(case.resend))
    call = _unknown(world)
    world.wait(case.since)
    refused, *rest = said(world.settle(call, "refused", **{"again": True, **(case.settled or {})}))
    assert refused == SendRefused("s", 1, None, None, not case.follows, ANA)
    assert [type(fact) for fact in rest] == ([SendAttempted] if case.follows else [])
    assert len(world.calls) == 1 + case.follows
    assert len({called.client_id for called in world.calls}) == len(world.calls)


def test_a_given_up_attempt_is_followed_where_the_account_wants_that_for_its_class(world: OnePartition) -> None:
    call = _unknown(world)
    assert world.wait(RESOLVE_WITHIN) == [SendGivenUp("s", 1)]
    world.configure(resend_unknown=["transactional"])
    refused, again = said(world.settle(call, "refused", again=True))
    assert refused == SendRefused("s", 1, None, None, False, ANA)
    assert isinstance(again, SendAttempted)
    assert again.attempt == 2


def test_what_may_not_go_any_more_is_skipped_instead(world: OnePartition) -> None:
    call = _unknown(world, expires_at="2026-11-23T08:00:00Z")
    world.wait(2 * 60 * MINUTE)
    refused, skipped = said(world.settle(call, "refused", again=True))
    assert isinstance(refused, SendRefused)
    assert isinstance(skipped, SendSkipped)
    assert (skipped.reason, len(world.calls)) == ("expired", 1)


@pytest.mark.parametrize("outcome", ["accepted", "refused"])
@pytest.mark.parametrize("before", ["open", "accepted", "refused", "settled", "deferred"])
def test_what_is_not_unknown_is_not_settled(world: OnePartition, before: str, outcome: str) -> None:
    call = world.attempt()
    if before == "accepted":
        world.answer(call, provider_id="p")
    elif before == "refused":
        world.answer(call, "refused", status=400, final=True)
    elif before == "deferred":
        world.answer(call, "refused", status=429, final=False)
    elif before == "settled":
        world.answer(call, "unknown", reason="timeout")
        world.settle(call, "refused")
    decision = world.settle(call, outcome, again=outcome == "refused")
    assert (decision.outcome, said(decision), list(decision.calls)) == ("unchanged", [], [])


def test_an_attempt_that_never_was_is_not_settled(world: OnePartition) -> None:
    call = _unknown(world)
    assert said(world.settle(call, "accepted", attempt=2)) == []
    assert said(OnePartition().settle(call, "accepted")) == []


def test_an_attempt_that_another_followed_is_not_settled_as_refused(world: OnePartition) -> None:
    world.configure(resend_unknown=["transactional"])
    first = _unknown(world)
    world.wait(RESOLVE_WITHIN)
    second = world.calls[-1]
    assert (second.attempt, world.send(second).phase) == (2, "open")
    assert said(world.settle(first, "refused", attempt=1)) == []
    assert world.answer(second, provider_id="p2") == [SendAccepted("s", 2, "p2")]
    assert said(world.settle(first, "accepted", attempt=1)) == [SendAccepted("s", 1, None, ANA)]


def test_evidence_that_it_went_beats_an_operator_who_said_that_it_did_not(world: OnePartition) -> None:
    call = _unknown(world)
    world.settle(call, "refused")
    world.receipt(call.client_id, "delivered")
    assert world.send(call).phase == "accepted"
    assert said(world.settle(call, "refused", again=True)) == []
    assert len(world.calls) == 1


@pytest.mark.parametrize("evidence", ["answer", "list"])
def test_a_late_answer_that_it_was_taken_stops_another_attempt_that_an_operator_asked_for(
    world: OnePartition, evidence: str
) -> None:
    first = world.attempt()
    world.abandon(first)  # by a take-over: its call may still be under way
    world.wait(STILL_UNDER_WAY)
    world.settle(first, "refused", again=True)
    second = world.calls[-1]
    world.answer(second, "refused", status=429, final=False)
    assert (second.attempt, world.send(second).phase) == (2, "deferred")
    if evidence == "answer":
        assert world.answer(first, provider_id="p1") == [TAKEN_AFTER_ALL]
    else:
        world.listed(first, "unheard of")
    assert world.send(first).phase == "accepted"
    assert world.wait(RESOLVE_WITHIN) == []
    assert len(world.calls) == 2
    assert world.answer(first, provider_id="p1") == [], "it says nothing new a second time"
    assert folded(rebuilt(world.facts)) == folded(world.view)


def test_a_late_answer_leaves_an_attempt_that_was_made_meanwhile_to_its_own_answer(world: OnePartition) -> None:
    first = world.attempt()
    world.abandon(first)
    world.wait(STILL_UNDER_WAY)
    world.settle(first, "refused", again=True)
    second = world.calls[-1]
    assert world.answer(first, provider_id="p1") == [TAKEN_AFTER_ALL]
    assert world.send(second).phase == "open"
    (refused,) = world.answer(second, "refused", status=429, final=False)
    assert isinstance(refused, SendRefused), "and no third follows"
    assert world.wait(RESOLVE_WITHIN) == []
    assert folded(rebuilt(world.facts)) == folded(world.view)


def test_a_given_up_attempt_may_be_settled_as_accepted_and_is_never_sent_again(world: OnePartition) -> None:
    call = _unknown(world)
    world.wait(RESOLVE_WITHIN)
    assert said(world.settle(call, "accepted")) == [SendAccepted("s", 1, None, ANA)]
    world.configure(resend_unknown=["transactional"])
    assert said(world.settle(call, "refused", again=True)) == []
    assert len(world.calls) == 1


def test_the_journal_alone_knows_what_was_settled(world: OnePartition) -> None:
    for n, (outcome, again) in enumerate([("accepted", False), ("refused", False), ("refused", True)]):
        call = _unknown(world, f"s{n}")
        world.wait(STILL_UNDER_WAY)
        world.settle(call, outcome, again=again)
    _unknown(world, "s9")
    assert folded(rebuilt(world.facts)) == folded(world.view)

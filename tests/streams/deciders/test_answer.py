"""What becomes of an attempt."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from events import instant
from events.message import MessageStateChanged
from events.send import SendAccepted, SendAttempted, SendDeferred, SendGivenUp, SendRefused, SendSkipped, SendUnknown
from streams import waiting
from streams.deciders.answer import RESOLVE_WITHIN
from tests.streams.one_partition import OnePartition, rebuilt

MINUTE = 60_000
ENDS: list[tuple[str, dict[str, Any]]] = [
    ("accepted", {"provider_id": "p1"}),
    ("refused", {"status": 400, "message": "bad", "final": True}),
    ("refused", {"status": 429, "final": False}),
    ("unknown", {"reason": "timeout"}),
]


TAKEN_AFTER_ALL = MessageStateChanged("s", 1, "accepted", "accepted", "accepted", None, None, None)


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    return world


def test_an_accepted_attempt_bears_the_provider_s_name_for_it(world: OnePartition) -> None:
    call = world.attempt()
    assert world.answer(call, provider_id="p1") == [SendAccepted("s", 1, "p1")]
    assert world.send(call).finished


def test_a_final_refusal_ends_the_send(world: OnePartition) -> None:
    call = world.attempt()
    assert world.answer(call, "refused", status=400, message="bad", final=True) == [
        SendRefused("s", 1, 400, "bad", True)
    ]
    assert world.wait(1000 * MINUTE) == []


@pytest.mark.parametrize(("status", "reason"), [(429, "rate"), (401, "circuit"), (402, "circuit"), (None, "circuit")])
def test_what_was_surely_not_accepted_is_decided_anew_later(
    world: OnePartition, status: int | None, reason: str
) -> None:
    call = world.attempt()
    refused, deferred = world.answer(call, "refused", status=status, final=False)
    assert isinstance(refused, SendRefused)
    assert isinstance(deferred, SendDeferred)
    assert (refused.final, deferred.reason) == (False, reason)
    assert 1_000 <= deferred.until - world.now < 1_500
    (again,) = world.wait(1_500)
    assert isinstance(again, SendAttempted)
    assert (again.attempt, again.text) == (2, "Hola")
    assert again.client_id != call.client_id


def test_a_call_that_was_withheld_is_no_fault_of_the_provider_s(world: OnePartition) -> None:
    call = world.attempt()
    refused, deferred = world.answer(call, "refused", message="not called", final=False, withheld=True)
    assert refused == SendRefused("s", 1, None, "not called", False, withheld=True)
    assert isinstance(deferred, SendDeferred)
    assert (deferred.reason, deferred.looked_at) == ("circuit", {"withheld": True})
    assert [type(fact) for fact in world.wait(1_500)] == [SendAttempted]


@pytest.mark.parametrize("status", [429, 402, None])
def test_a_send_that_is_put_off_says_what_the_provider_answered(world: OnePartition, status: int | None) -> None:
    call = world.attempt()
    refused, deferred = world.answer(call, "refused", status=status, final=False)
    assert isinstance(refused, SendRefused)
    assert isinstance(deferred, SendDeferred)
    assert not refused.withheld
    assert deferred.looked_at == {"answer": status}


def test_the_waits_double_up_to_a_minute_or_a_quarter_of_an_hour(world: OnePartition) -> None:
    waits: dict[int, list[int]] = {429: [], 401: []}
    for status, seen in waits.items():
        call = world.attempt(f"s{status}")
        for _ in range(12):
            *_, deferred = world.answer(call, "refused", status=status, final=False)
            assert isinstance(deferred, SendDeferred)
            seen.append(deferred.until - world.now)
            world.wait(deferred.until - world.now)
            call = world.calls[-1]
    least = {
        429: [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60],
        401: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900],
    }
    for status, seen in waits.items():
        for waited, seconds in zip(seen, least[status], strict=True):
            assert seconds * 1_000 <= waited < seconds * 1_500
        assert len({waited % 1_000 for waited in seen}) > 6, "each attempt has a jitter of its own"


@pytest.mark.parametrize("status", [429, 401, None])
def test_the_next_attempt_is_decided_when_the_worker_knew_that_it_may_be(
    world: OnePartition, status: int | None
) -> None:
    at = world.now + 7_321
    *_, deferred = world.answer(world.attempt(), "refused", status=status, final=False, retry_at=instant.render(at))
    assert isinstance(deferred, SendDeferred)
    assert deferred.until == at
    *_, again = world.answer(world.attempt("s2"), "refused", status=429, final=False, retry_at=instant.render(1))
    assert isinstance(again, SendDeferred)
    assert again.until == world.now + 1, "what is past means soon"


def test_an_opt_out_between_two_attempts_is_honoured(world: OnePartition) -> None:
    world.request("n", "newsletter")
    world.answer(world.calls[-1], "refused", status=429, final=False)
    world.update(_smsSubscriptionStatus="unsubscribed")
    (skipped,) = world.wait(1_500)
    assert isinstance(skipped, SendSkipped)
    assert skipped.reason == "not_subscribed"


def test_a_send_that_expires_between_two_attempts_is_skipped(world: OnePartition) -> None:
    call = world.attempt(expires_at="2026-11-23T07:00:00.500Z")
    world.answer(call, "refused", status=429, final=False)
    (skipped,) = world.wait(1_500)
    assert isinstance(skipped, SendSkipped)
    assert skipped.reason == "expired"


@pytest.mark.parametrize(("outcome", "data"), ENDS)
@pytest.mark.parametrize(("again", "more"), ENDS)
def test_an_attempt_ends_once(
    world: OnePartition, outcome: str, data: dict[str, Any], again: str, more: dict[str, Any]
) -> None:
    call = world.attempt()
    world.answer(call, outcome, **data)
    facts = world.answer(call, again, **more)
    if outcome == "unknown" and again != "unknown":
        assert isinstance(facts[0], SendAccepted if again == "accepted" else SendRefused)
    elif outcome == "refused" and again == "accepted":
        assert facts == [TAKEN_AFTER_ALL]
    else:
        assert facts == []


def test_an_unknown_outcome_waits_for_evidence_for_72_hours_and_is_given_up(world: OnePartition) -> None:
    call = world.attempt()
    assert world.answer(call, "unknown", reason="timeout") == [
        SendUnknown("s", 1, "timeout", world.now + RESOLVE_WITHIN)
    ]
    assert world.wait(RESOLVE_WITHIN - 1) == []
    assert world.wait(1) == [SendGivenUp("s", 1)]
    assert world.wait(1000 * MINUTE) == []
    assert len(world.calls) == 1


def test_a_late_answer_settles_an_unknown_outcome(world: OnePartition) -> None:
    call = world.attempt()
    world.answer(call, "unknown", reason="timeout")
    assert world.answer(call, provider_id="p1") == [SendAccepted("s", 1, "p1")]
    assert world.wait(RESOLVE_WITHIN) == []


def test_evidence_after_giving_up_still_counts_if_it_says_that_it_went(world: OnePartition) -> None:
    call = world.attempt()
    world.answer(call, "unknown", reason="timeout")
    world.wait(RESOLVE_WITHIN)
    assert world.answer(call, "refused", status=429, final=False) == []
    assert world.answer(call, provider_id="p1") == [SendAccepted("s", 1, "p1")]


def test_word_that_a_refused_attempt_was_taken_after_all_stops_the_next_one(world: OnePartition) -> None:
    call = world.attempt()
    world.answer(call, "refused", status=429, final=False)
    assert world.answer(call, provider_id="p1") == [TAKEN_AFTER_ALL]
    assert world.wait(RESOLVE_WITHIN) == []
    assert len(world.calls) == 1


def test_an_answer_to_no_attempt_of_ours_says_nothing(world: OnePartition) -> None:
    call = world.attempt()
    assert world.answer(replace(call, attempt=2), provider_id="p1") == []
    assert OnePartition().answer(call) == []


def test_the_journal_alone_knows_when_a_retry_is_due(world: OnePartition) -> None:
    world.answer(world.attempt(), "refused", status=429, final=False)
    view = rebuilt(world.facts)
    assert view.scan(b"t/", 10) == world.view.scan(b"t/", 10) != []


def test_a_timer_that_is_dropped_says_what_waited_and_the_journal_alone_still_has_it(world: OnePartition) -> None:
    call = world.attempt()
    world.answer(call, "refused", status=429, final=False)
    due = waiting.next_due(world.view)
    key, told = waiting.drop(world.view, "transactional")
    waited = {"subject": call.subject, "send_id": "s", "timer": due, "phase": "deferred", "tried": 1}
    assert (key.decode(), orjson.loads(told)) == (call.subject, waited)
    assert world.wait(RESOLVE_WITHIN) == []
    assert waiting.next_due(rebuilt(world.facts)) == due

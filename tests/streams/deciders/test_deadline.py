"""Sends whose time has come, and sends whose worker is gone."""

import pytest

from events.message import MessageStateChanged
from events.send import SendAccepted, SendAttempted, SendGivenUp, SendUnknown
from projections.send import CLOSE_AFTER
from streams import waiting
from streams.deciders.answer import RESOLVE_WITHIN
from tests.streams.one_partition import KEY, PARTITION, OnePartition

DAY = 86_400_000


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    return world


def test_an_attempt_found_open_at_a_takeover_is_unknown_and_never_made_again(world: OnePartition) -> None:
    call = world.attempt()
    assert [key for key, _ in world.view.scan(b"o/", 10)] == [b"o/" + call.send_hash.encode()]
    assert world.abandon(call) == [SendUnknown("s", 1, "crash", world.now + RESOLVE_WITHIN)]
    assert world.view.scan(b"o/", 10) == []
    assert world.abandon(call) == []
    assert world.wait(10 * DAY) == [SendGivenUp("s", 1)]
    assert len(world.calls) == 1


def test_an_answer_that_comes_after_the_takeover_settles_it(world: OnePartition) -> None:
    call = world.attempt()
    world.abandon(call)
    assert world.answer(call, provider_id="p") == [SendAccepted("s", 1, "p")]


def test_what_was_given_up_is_tried_again_where_the_account_allows_it_for_the_class(world: OnePartition) -> None:
    world.configure(resend_unknown=["transactional"])
    world.abandon(world.attempt("s1"))
    world.request("s2", "newsletter")
    world.abandon(world.calls[-1])
    gave_up, again, gave_up_too = world.wait(RESOLVE_WITHIN)
    assert (gave_up, gave_up_too) == (SendGivenUp("s1", 1), SendGivenUp("s2", 1))
    assert isinstance(again, SendAttempted)
    assert (again.send_id, again.attempt) == ("s1", 2)
    assert world.calls[-1].client_id == again.client_id


def test_what_may_not_go_any_more_stays_given_up(world: OnePartition) -> None:
    world.configure(resend_unknown=["transactional"])
    call = world.attempt(expires_at="2026-11-24T07:00:00Z")
    world.abandon(call)
    assert world.wait(RESOLVE_WITHIN) == [SendGivenUp("s", 1)]
    assert world.send(call).phase == "given_up"
    assert world.wait(10 * DAY) == []


def test_a_message_that_the_provider_calls_unknown_is_closed_after_72_hours(world: OnePartition) -> None:
    call = world.attempt()
    world.receipt(call.client_id, "unknown")
    assert world.send(call).attempts[0].state == "accepted"
    (closed,) = world.wait(CLOSE_AFTER)
    assert isinstance(closed, MessageStateChanged)
    assert (closed.from_, closed.to) == ("accepted", "unknown")
    assert world.wait(10 * DAY) == []
    world.receipt(call.client_id, "delivered")
    assert world.send(call).attempts[0].state == "delivered"


def test_a_message_that_ends_in_time_is_not_closed(world: OnePartition) -> None:
    call = world.attempt()
    world.receipt(call.client_id, "unknown")
    world.receipt(call.client_id, "expired")
    assert world.wait(10 * DAY) == []


def test_timers_fire_in_windows_in_the_order_of_their_times(world: OnePartition) -> None:
    for n in range(5):
        world.request(f"s{n}", not_before=f"2026-11-23T08:00:0{5 - n}Z")
    world.now += DAY
    fired = [
        fact.data
        for limit in (2, 2, 2)
        for decision in waiting.due(world.view, world.accounts, world.now, PARTITION, KEY, limit)
        for fact in decision.facts
    ]
    assert [fact.send_id for fact in fired if isinstance(fact, SendAttempted)] == ["s4", "s3", "s2", "s1", "s0"]
    assert waiting.next_due(world.view) is None

"""Caps: no contact gets more SMS of a class than the account allows in so many days."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.send import SendAttempted, SendSkipped
from projections import keyspace
from projections.send import Call
from streams.roster import Decision
from tests.streams.one_partition import OnePartition, folded, rebuilt, said

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    world.configure(caps={"newsletter": [{"sends": 2, "days": 1}, {"sends": 3, "days": 7}]})
    return world


def _news(world: OnePartition, send_id: str, **data: Any) -> Call:
    (call,) = world.request(send_id, "newsletter", **data).calls
    return call


def _capped(decision: Decision) -> SendSkipped:
    (fact,) = said(decision)
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "frequency_cap"
    assert not decision.calls
    return fact


def test_more_than_a_cap_allows_is_skipped_and_says_what_was_counted(world: OnePartition) -> None:
    _news(world, "s1")
    _news(world, "s2")
    fact = _capped(world.request("s3", "newsletter"))
    assert fact.detail == "2 went to this contact within 1 days, and 2 may"
    assert fact.looked_at["caps"] == [{"sends": 2, "days": 1, "sent": 2}, {"sends": 3, "days": 7, "sent": 2}]
    assert world.wait(30 * DAY) == []  # skipped is skipped


def test_a_day_is_24_hours_on_end_and_each_cap_counts(world: OnePartition) -> None:
    _news(world, "s1")
    world.wait(HOUR)
    _news(world, "s2")
    world.wait(23 * HOUR - 1)
    _capped(world.request("s3", "newsletter"))
    world.wait(1)
    _news(world, "s4")  # s1 lies a day back
    world.wait(3 * DAY)
    assert _capped(world.request("s5", "newsletter")).detail == "3 went to this contact within 7 days, and 3 may"
    world.wait(4 * DAY)
    _news(world, "s6")


def test_classes_contacts_and_alerts_are_counted_apart(world: OnePartition) -> None:
    world.subscriber("acme/eva", "+34612345679")
    for send_id in ("s1", "s2"):
        world.attempt(f"t{send_id}")
        _news(world, send_id, to={"alert": "+34612345678"})
    _news(world, "s3")
    _news(world, "s4")
    _capped(world.request("s5", "newsletter"))
    _news(world, "s6", to={"alert": "+34612345678"})
    _news(world, "s7", subject="acme/eva")


def test_what_was_surely_refused_does_not_count_and_its_next_attempt_does(world: OnePartition) -> None:
    world.answer(_news(world, "s1"), "refused", status=400, final=True)
    world.answer(_news(world, "s2"), "refused", status=429, final=False)
    (again,) = [fact for fact in world.wait(HOUR) if isinstance(fact, SendAttempted)]
    assert again.looked_at["caps"][0]["sent"] == 0
    _news(world, "s3")
    _capped(world.request("s4", "newsletter"))


def test_what_nobody_knows_counts(world: OnePartition) -> None:
    world.answer(_news(world, "s1"), "unknown", reason="timeout")
    world.abandon(_news(world, "s2"))
    _capped(world.request("s3", "newsletter"))
    world.wait(3 * DAY)  # given up
    _news(world, "s4")
    assert _capped(world.request("s5", "newsletter")).looked_at["caps"][1]["sent"] == 3


def test_an_own_earlier_attempt_does_not_stand_in_the_way(world: OnePartition) -> None:
    world.configure(caps={"newsletter": [{"sends": 1, "days": 30}]}, resend_unknown=["newsletter"])
    world.answer(_news(world, "s1"), "unknown", reason="timeout")
    assert [fact.attempt for fact in world.wait(4 * DAY) if isinstance(fact, SendAttempted)] == [2]
    _capped(world.request("s2", "newsletter"))


def test_a_refusal_that_a_receipt_refutes_counts_again(world: OnePartition) -> None:
    call = _news(world, "s1")
    world.answer(call, "refused", status=429, final=False)
    world.receipt(call.client_id, "delivered")
    _news(world, "s2")
    _capped(world.request("s3", "newsletter"))


def test_a_cap_of_none_lets_nothing_go(world: OnePartition) -> None:
    world.configure(caps={"newsletter": [{"sends": 0, "days": 1}]})
    _capped(world.request("s1", "newsletter"))
    world.configure(caps={"newsletter": None})
    _news(world, "s2")


def test_what_waited_for_the_morning_is_capped_then(world: OnePartition) -> None:
    world.configure(quiet_hours={"newsletter": {"from": "21:00", "to": "09:00"}})
    for number in range(3):
        world.request(f"s{number}", "newsletter")
    assert [fact.TYPE for fact in world.wait(HOUR)] == [SendAttempted.TYPE, SendAttempted.TYPE, SendSkipped.TYPE]


def test_an_erased_contact_leaves_no_count_behind(world: OnePartition) -> None:
    _news(world, "s1")
    world.erase()
    assert world.view.get(keyspace.recent_key("acme/ana@example.com")) is None
    assert folded(rebuilt(world.facts)) == folded(world.view)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["accepted", "429", "400", "unknown"])), max_size=25))
def test_no_window_ever_holds_more_than_the_cap(asked: list[tuple[int, str]]) -> None:
    world = OnePartition()
    world.subscriber()
    world.configure(caps={"newsletter": [{"sends": 2, "days": 1}]})
    went: list[int] = []
    for number, (hours, end) in enumerate(asked):
        world.now += hours * HOUR  # timers stay: what was refused is not tried again here
        for call in world.request(f"s{number}", "newsletter").calls:
            if end.isdecimal():
                world.answer(call, "refused", status=int(end), final=end == "400")
                continue
            went.append(world.now)
            world.answer(call, end, **({"reason": "timeout"} if end == "unknown" else {}))
    assert all(sum(at <= other < at + DAY for other in went) <= 2 for at in went)
    assert folded(rebuilt(world.facts)) == folded(world.view)

"""Quiet hours: what may not go now goes as soon as it may, if it is not too late then."""

from typing import Any

import pytest

from events.examples import SEVEN
from events.send import SendAttempted, SendDeferred, SendSkipped
from events.shape import Class
from streams.deciders.eligibility import EXPIRES_AFTER
from tests.streams.one_partition import OnePartition, folded, rebuilt, said

HOUR = 3_600_000
DAY = 24 * HOUR
NIGHT = {"from": "21:00", "to": "09:00"}  # it is 08:00 in Madrid when a world begins


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    world.configure(quiet_hours={"newsletter": NIGHT})
    return world


def _deferred(world: OnePartition, send_id: str = "s", class_: Class = "newsletter", **data: Any) -> SendDeferred:
    decision = world.request(send_id, class_, **data)
    (fact,) = said(decision)
    assert isinstance(fact, SendDeferred)
    assert not decision.calls
    assert fact.reason == "quiet_hours"
    return fact


def _skipped(world: OnePartition, send_id: str = "s", class_: Class = "newsletter", **data: Any) -> SendSkipped:
    (fact,) = said(world.request(send_id, class_, **data))
    assert isinstance(fact, SendSkipped)
    return fact


def test_a_newsletter_waits_for_the_end_of_the_night_and_goes_at_its_first_moment(world: OnePartition) -> None:
    fact = _deferred(world)
    assert fact.until == SEVEN + HOUR
    assert fact.looked_at["quiet_hours"] == "21:00-09:00 Europe/Madrid"
    assert fact.looked_at["settings_version"] == world.accounts.version
    assert world.wait(HOUR - 1) == []
    (went,) = world.wait(1)
    assert isinstance(went, SendAttempted)
    assert folded(rebuilt(world.facts)) == folded(world.view)


def test_each_class_has_its_own_hours(world: OnePartition) -> None:
    assert world.attempt("password").class_ == "transactional"
    world.configure(quiet_hours={"newsletter": None, "transactional": NIGHT})
    assert _deferred(world, "t", "transactional").until == SEVEN + HOUR
    (fact,) = said(world.request("n", "newsletter"))
    assert isinstance(fact, SendAttempted)


def test_the_hours_are_those_where_the_number_is(world: OnePartition) -> None:
    world.update("acme/joe", _mobilePhone="+14155552671", _smsSubscriptionStatus="subscribed")  # 23:00 in California
    fact = _deferred(world, subject="acme/joe")
    assert fact.until == SEVEN + 10 * HOUR
    assert "America/Los_Angeles" in fact.looked_at["quiet_hours"]


def test_an_alert_waits_too_by_the_number_that_it_goes_to(world: OnePartition) -> None:
    assert _deferred(world, "a", to={"alert": "+14155552671"}).until == SEVEN + 10 * HOUR
    world.now += 2 * HOUR
    assert _deferred(world, "b", to={"alert": "+14155552671"}).until == SEVEN + 10 * HOUR
    (fact,) = said(world.request("c", "newsletter", to={"alert": "600000099"}))
    assert isinstance(fact, SendAttempted)


def test_on_a_holiday_of_the_number_s_country_nothing_goes(world: OnePartition) -> None:
    world.configure(quiet_hours={"newsletter": {**NIGHT, "holidays": True}})
    world.wait(32 * DAY + 5 * HOUR)  # noon of 25 December 2026, a Friday
    fact = _deferred(world)
    assert fact.until == world.now + 20 * HOUR  # Saturday at nine: it is no holiday in Spain
    assert fact.looked_at["holidays_of"] == "ES"


def test_what_expires_before_the_end_of_the_night_is_skipped_at_once(world: OnePartition) -> None:
    fact = _skipped(world, "s1", expires_at="2026-11-23T08:00:00Z")
    assert fact.reason == "quiet_hours"
    assert fact.looked_at["quiet_hours"] == "21:00-09:00 Europe/Madrid"
    assert _deferred(world, "s2", expires_at="2026-11-23T08:00:00.001Z").until == SEVEN + HOUR
    assert _skipped(world, "s3", time=SEVEN + HOUR - EXPIRES_AFTER - 1).reason == "quiet_hours"
    assert _deferred(world, "s4", time=SEVEN + HOUR - EXPIRES_AFTER).until == SEVEN + HOUR


def test_what_could_never_go_does_not_wait_for_the_morning(world: OnePartition) -> None:
    assert _skipped(world, "s1", sender="no sender at all").reason == "sender_invalid"
    assert _skipped(world, "s2", text=" ").reason == "text_empty"
    world.update(_smsSubscriptionStatus="unsubscribed")
    assert _skipped(world, "s3").reason == "not_subscribed"


def test_an_opt_out_in_the_night_is_honoured_in_the_morning(world: OnePartition) -> None:
    _deferred(world)
    world.update(_smsSubscriptionStatus="unsubscribed")
    (fact,) = world.wait(HOUR)
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "not_subscribed"


def test_what_waited_for_its_time_waits_on_where_that_lies_in_the_night(world: OnePartition) -> None:
    world.request("s", "newsletter", not_before="2026-11-23T22:00:00Z")
    (fact,) = world.wait(15 * HOUR)
    assert isinstance(fact, SendDeferred)
    assert (fact.reason, fact.until) == ("quiet_hours", SEVEN + DAY + HOUR)
    (went,) = world.wait(DAY)
    assert isinstance(went, SendAttempted)


def test_hours_that_are_lifted_in_the_night_count_when_it_is_decided_anew(world: OnePartition) -> None:
    _deferred(world)
    world.configure(quiet_hours={"newsletter": {"from": "08:30", "to": "12:00"}})
    (again,) = world.wait(HOUR)
    assert isinstance(again, SendDeferred)
    assert again.until == SEVEN + 4 * HOUR


def test_a_deferral_does_not_outlive_what_it_defers(world: OnePartition) -> None:
    call = world.attempt("s1", expires_at="2026-11-23T07:00:00.500Z")
    _, deferred = world.answer(call, "refused", status=429, final=False)
    assert isinstance(deferred, SendDeferred)
    assert deferred.until == SEVEN + 500
    (fact,) = world.wait(500)
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "expired"
    assert _skipped(world, "s2", not_before="2026-12-29T07:00:00Z").reason == "expired"  # 36 days ahead
    (waits,) = said(world.request("s3", not_before="2026-12-28T07:00:00Z"))
    assert isinstance(waits, SendDeferred)
    assert world.wait(35 * DAY)[-1].TYPE == SendAttempted.TYPE

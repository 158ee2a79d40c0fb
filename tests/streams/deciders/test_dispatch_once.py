"""Each SMS once, and in its time."""

from typing import Any

import pytest

from events.examples import SEVEN, SUBJECT
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from events.topics import Role
from streams.deciders.eligibility import EXPIRES_AFTER
from streams.roster import Decision
from tests.streams.one_partition import PHONE, OnePartition, said

DAY = 86_400_000


def _skipped(decision: Decision) -> str:
    (fact,) = said(decision)
    assert isinstance(fact, SendSkipped)
    assert not decision.calls
    assert fact.detail
    assert PHONE not in fact.detail
    return fact.reason


def _attempted(decision: Decision) -> SendAttempted:
    (fact,) = said(decision)
    assert isinstance(fact, SendAttempted)
    assert [call.client_id for call in decision.calls] == [fact.client_id]
    return fact


def test_the_same_send_id_with_the_same_body_is_silent() -> None:
    world = OnePartition()
    world.subscriber()
    call = world.attempt(variables={"a": 1}, labels=[])
    assert said(world.request(variables={"a": 1})) == []
    world.answer(call)
    assert said(world.request(variables={"a": 1})) == []


@pytest.mark.parametrize("other", [{"text": "Adios"}, {"variables": {"a": 2}}, {"class_": "newsletter"}])
def test_the_same_send_id_with_another_body_is_a_duplicate(other: dict[str, Any]) -> None:
    world = OnePartition()
    world.subscriber()
    call = world.attempt(variables={"a": 1})
    before = world.send(call)
    assert _skipped(world.request(**{"variables": {"a": 1}, **other})) == "duplicate"
    assert world.send(call) == before


def test_a_send_id_belongs_to_its_contact() -> None:
    world = OnePartition()
    world.subscriber()
    world.subscriber("acme/eva", "+34612345679")
    assert world.attempt().to != world.attempt(subject="acme/eva", text="Adios").to


def test_without_a_send_id_the_event_s_own_id_counts() -> None:
    world = OnePartition()
    world.subscriber()
    data = SendRequested.of_json({"to": "contact", "sender": "Acme", "text": "Hola"})
    first, second = (world.take(data, Role.TRANSACTIONAL) for _ in range(2))
    assert [decision.calls[0].send_id for decision in (first, second)] == ["e1", "e2"]


def test_what_is_too_old_does_not_go_whatever_its_own_limit() -> None:
    world = OnePartition()
    world.subscriber()
    far = "2030-01-01T00:00:00Z"
    assert _skipped(world.request("s1", time=SEVEN - EXPIRES_AFTER - 1, expires_at=far)) == "expired"
    assert _attempted(world.request("s2", time=SEVEN - EXPIRES_AFTER, expires_at=far)).send_id == "s2"


def test_what_has_expired_does_not_go() -> None:
    world = OnePartition()
    world.subscriber()
    assert _skipped(world.request("s1", expires_at="2026-11-23T07:00:00Z")) == "expired"
    assert _attempted(world.request("s2", expires_at="2026-11-23T07:00:00.001Z")).send_id == "s2"
    never = "2026-11-24T07:00:00Z"
    assert _skipped(world.request("s3", not_before=never, expires_at=never)) == "expired"


def test_what_may_not_go_yet_waits_and_is_decided_when_its_time_has_come() -> None:
    world = OnePartition()
    world.subscriber()
    (waits,) = said(world.request(class_="newsletter", not_before="2026-11-24T07:00:00Z"))
    assert isinstance(waits, SendDeferred)
    assert (waits.until, waits.reason) == (SEVEN + DAY, "not_before")
    assert world.wait(DAY - 1) == []
    (went,) = world.wait(1)
    assert isinstance(went, SendAttempted)
    assert world.calls[-1].client_id == went.client_id
    assert world.wait(100 * DAY) == []


def test_an_opt_out_while_a_newsletter_waits_is_honoured() -> None:
    world = OnePartition()
    world.subscriber()
    world.request(class_="newsletter", not_before="2026-11-24T07:00:00Z")
    world.update(_smsSubscriptionStatus="unsubscribed")
    (skipped,) = world.wait(DAY)
    assert isinstance(skipped, SendSkipped)
    assert skipped.reason == "not_subscribed"


def test_what_is_cancelled_while_it_waits_does_not_go() -> None:
    world = OnePartition()
    world.subscriber()
    world.request("s1", not_before="2026-11-24T07:00:00Z", labels=["november"])
    world.request("s2", not_before="2026-11-24T07:00:00Z")
    world.cancel(label="november", before="2026-11-23T07:00:01Z")
    skipped, went = world.wait(DAY)
    assert isinstance(skipped, SendSkipped)
    assert (skipped.send_id, skipped.reason) == ("s1", "cancelled")
    assert isinstance(went, SendAttempted)


def test_a_label_of_the_template_is_cancelled_too() -> None:
    world = OnePartition()
    world.subscriber()
    world.save("sale", "-30%", labels=["november"])
    world.cancel(label="november", before="2026-11-23T07:00:01Z")
    assert _skipped(world.request(template="sale")) == "cancelled"


def test_a_fact_says_what_was_looked_at_and_no_number() -> None:
    world = OnePartition()
    world.subscriber()
    fact = _attempted(world.request())
    assert fact.looked_at == {
        "settings_version": 1,
        "phone_status": "active",
        "subscription": "subscribed",
        "mobile": True,
        "parts_limit": 10,
    }
    assert fact.requested_at == SEVEN
    (call,) = world.calls
    assert (call.account, call.subject, call.to, call.text) == ("acme", SUBJECT, PHONE, "Hola")

"""Who gets an SMS, and why not."""

from typing import Any

import pytest

from events.examples import SEVEN, SUBJECT
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from events.shape import Class
from events.topics import Role
from streams.deciders.eligibility import EXPIRES_AFTER
from streams.roster import Decision
from tests.streams.one_partition import PHONE, OnePartition, said

DAY, HOUR = 86_400_000, 3_600_000


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


@pytest.mark.parametrize("subscription", ["subscribed", "unsubscribed", "none"])
@pytest.mark.parametrize("class_", ["transactional", "newsletter"])
def test_an_active_phone_gets_what_its_subscription_allows(class_: Class, subscription: str) -> None:
    world = OnePartition()
    world.update(_mobilePhone=PHONE, _smsSubscriptionStatus=subscription)
    decision = world.request(class_=class_)
    if class_ == "newsletter" and subscription != "subscribed":
        assert _skipped(decision) == "not_subscribed"
    else:
        assert _attempted(decision).to == PHONE


@pytest.mark.parametrize("status", ["bounced", "paused"])
@pytest.mark.parametrize("class_", ["transactional", "newsletter"])
def test_a_phone_that_is_not_active_gets_nothing(class_: Class, status: str) -> None:
    world = OnePartition()
    world.subscriber()
    world.update(_mobilePhoneStatus=status)
    assert _skipped(world.request(class_=class_)) == f"phone_{status}"


@pytest.mark.parametrize("class_", ["transactional", "newsletter"])
def test_a_contact_without_a_number_gets_nothing(class_: Class) -> None:
    assert _skipped(OnePartition().request(class_=class_)) == "no_phone"


@pytest.mark.parametrize("status", ["paused", "erased", "none"])
def test_an_alert_goes_to_its_number_whatever_the_contact_s_state(status: str) -> None:
    world = OnePartition()
    if status == "erased":
        world.erase()
    elif status == "paused":
        world.update(_mobilePhone=PHONE, _mobilePhoneStatus="paused")
    fact = _attempted(world.request(to={"alert": "600 000 099"}, class_="newsletter"))
    assert (fact.to, fact.alert) == ("+34600000099", True)


@pytest.mark.parametrize("number", ["600", "", "call me"])
def test_an_alert_to_no_number_is_invalid(number: str) -> None:
    assert _skipped(OnePartition().request(to={"alert": number})) == "alert_invalid"


def test_a_subscribed_default_counts_until_the_contact_says_otherwise() -> None:
    world = OnePartition()
    world.configure(default_subscription="subscribed")
    world.update(_mobilePhone=PHONE)
    assert _attempted(world.request("s1", "newsletter")).looked_at["subscription"] == "subscribed"
    world.update(_smsSubscriptionStatus="none")
    assert _skipped(world.request("s2", "newsletter")) == "not_subscribed"


def test_a_land_line_gets_nothing_unless_the_account_allows_it() -> None:
    world = OnePartition()
    world.update(_mobilePhone="+34912345678")
    assert _skipped(world.request("s1")) == "not_mobile"
    world.configure(require_mobile=False)
    assert _attempted(world.request("s2")).to == "+34912345678"


def test_a_number_of_a_country_that_is_not_listed_gets_nothing() -> None:
    world = OnePartition()
    world.configure(limits={"countries": ["ES"]})
    world.update(_mobilePhone="+447400128091")
    assert _skipped(world.request("s1")) == "country_blocked"
    assert _attempted(world.request("s2", to={"alert": PHONE})).looked_at["country"] == "ES"


def test_an_erased_contact_gets_nothing() -> None:
    world = OnePartition()
    world.subscriber()
    world.erase()
    assert _skipped(world.request()) == "erased"


@pytest.mark.parametrize(
    "sender", ["", "Ac", "AVeryLongSender", "12345678", "Acmé", "Acme Shop", "Acme\u0661", "Acme\n"]
)
def test_a_sender_that_no_operator_takes_is_refused(sender: str) -> None:
    world = OnePartition()
    world.subscriber()
    assert _skipped(world.request(sender=sender)) == "sender_invalid"


@pytest.mark.parametrize("sender", ["Abc", "Acme4U", "12345678901"[:10] + "a"])
def test_three_to_eleven_letters_and_digits_are_a_sender(sender: str) -> None:
    world = OnePartition()
    world.subscriber()
    assert _attempted(world.request(sender=sender)).sender == sender


def test_an_account_that_was_never_configured_sends_nothing() -> None:
    assert _skipped(OnePartition().request(subject="nobody/ana")) == "account_unknown"


def test_an_account_without_a_provider_sends_nothing() -> None:
    world = OnePartition()
    world.subscriber()
    world.configure(connector=None)
    assert _skipped(world.request()) == "connector_missing"


def test_a_stopped_account_sends_nothing() -> None:
    world = OnePartition()
    world.subscriber()
    world.configure(stopped=True)
    assert _skipped(world.request()) == "stopped"


# --- the text --------------------------------------------------------------------------------------------------------


def test_the_text_is_the_newest_version_of_the_template_with_its_places_filled() -> None:
    world = OnePartition()
    world.subscriber()
    world.update(first_name="Ana")
    world.save("order", "old")
    world.save(
        "order", "Hola {{name}}: {{total}}", labels=["orders"],
        variables=[{"id": "name", "name": "n", "type": "text"}, {"id": "total", "name": "t", "type": "currency"}],
    )  # fmt: skip
    variables = {"name": {"field": "first_name"}, "total": 365.39}
    fact = _attempted(world.request(template="order", variables=variables, labels=["express", "orders"]))
    assert fact.text == "Hola Ana: 365,39 €"
    assert (fact.template, fact.template_version, fact.labels) == ("order", 2, ["orders", "express"])
    assert (fact.encoding, fact.parts) == ("GSM-7", 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"template": "none-such"}, "template_unknown"),
        ({"template": "broken"}, "template_unknown"),
        ({"template": "total", "variables": {"total": "much"}}, "variable_invalid"),
        ({"text": "Hola {{name"}, "variable_invalid"),
        ({"text": ""}, "text_empty"),
        ({"text": " {{name}} \n"}, "text_empty"),
        ({"text": "a" * 1531}, "text_too_long"),
        ({"text": "á" * 671}, "text_too_long"),
        ({"text": "a" * 10_000}, "text_too_long"),
    ],
)
def test_a_text_that_cannot_go_is_skipped_with_its_reason(data: dict[str, Any], reason: str) -> None:
    world = OnePartition()
    world.subscriber()
    world.save("broken", "{{nobody}}")
    world.save("total", "{{total}}", variables=[{"id": "total", "name": "t", "type": "currency"}])
    assert _skipped(world.request(**data)) == reason


def test_the_longest_text_takes_ten_parts_or_what_the_account_allows() -> None:
    world = OnePartition()
    world.subscriber()
    assert _attempted(world.request("s1", text="a" * 1530)).parts == 10
    world.configure(limits={"parts": 1})
    assert _skipped(world.request("s2", text="a" * 161)) == "text_too_long"
    assert _attempted(world.request("s3", text="a" * 160)).parts == 1


def test_the_text_is_handed_over_as_it_was_counted() -> None:
    world = OnePartition()
    world.subscriber()
    assert _attempted(world.request(text="man\u0303ana\r\nsi")).text == "mañana\nsi"


# --- once, and in time -----------------------------------------------------------------------------------------------


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

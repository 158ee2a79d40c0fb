"""Who gets an SMS, and why not."""

from typing import Any

import pytest

from events.send import SendAttempted, SendSkipped
from events.shape import Class
from streams.roster import Decision
from tests.streams.one_partition import PHONE, OnePartition, said


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


@pytest.mark.parametrize("number", ["600 000", "", "call me"])
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
        ({"text": "\u200b\u202e \ufeff\u2028"}, "text_empty"),  # characters that only steer others
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

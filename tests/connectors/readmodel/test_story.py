"""Why an SMS went or not, in words for people."""

from typing import get_args

import pytest

from connectors.readmodel.erasure import redacted
from connectors.readmodel.story import SKIPPED, Step, story
from events import examples
from events.contact import SubscriptionChanged
from events.envelope import Reason
from events.examples import FACTS, SEVEN
from events.fact import Fact, FactData
from events.message import InboundReceived, LinkClicked, MessageStateChanged
from events.send import SendAttempted, SendDeferred, SendRefused, SendSkipped, SendUnknown


def told(data: FactData) -> Step:
    return story([Fact("acme/ana", 7, SEVEN, "cause", "/test", data)])[0]


ATTEMPTED = next(fact.data for fact in FACTS if isinstance(fact.data, SendAttempted))


def test_an_opt_out_by_number_names_who_opted_out() -> None:
    changed = SubscriptionChanged("subscribed", "unsubscribed", "keyword", "replied 'BAJA'", "eva")
    assert told(changed).what == "Subscription: unsubscribed (by keyword)."
    assert told(changed).detail.endswith("evidence: replied 'BAJA'; eva has the same number, and opted out")


def test_a_send_that_waited_went_and_was_delivered() -> None:
    facts = [fact for fact in FACTS if getattr(fact.data, "send_id", "") == "order-1234"]
    assert [step.what for step in story(facts)] == [
        "Waits until 2026-11-23T07:06:00.000Z: the request asks for that time.",
        f"Attempt 1: permitted, to {examples.PHONE} from Acme; template order-shipped, version 1; 1 part in GSM-7.",
        "Attempt 1: the provider took it.",
        "Receipt: the SMS was delivered.",
        "A link was opened.",
    ]
    assert [step.detail for step in story(facts)] == [
        "",
        "looked at: phone status active, subscription subscribed, settings version 2",
        "The provider's id: sms-5f2b",
        "the provider's word: delivered, code 0; its time: 2026-11-23T07:01:00.000Z",
        "https://shop.example.com/orders/1234",
    ]
    assert [(step.at, step.sequence, step.type) for step in story(facts)] == [
        (fact.time, fact.sequence, fact.type) for fact in facts
    ]


def test_every_fact_there_is_can_be_told() -> None:
    steps = story(FACTS)
    assert [step.sequence for step in steps] == [fact.sequence for fact in FACTS]
    assert all(step.what.endswith((".", "612")) for step in steps)


def test_every_fact_can_be_told_after_the_contact_was_erased() -> None:
    whole = repr(story(map(redacted, FACTS)))
    assert examples.PHONE not in whole
    assert "to a number since erased from Acme" in whole


@pytest.mark.parametrize(
    ("data", "what", "detail"),
    [
        (
            SendSkipped("s", "newsletter", "not_subscribed", "", {"subscription": None, "alert": False}),
            "Not sent: the contact is not subscribed to newsletters.",
            "looked at: subscription none, alert no",
        ),
        (
            SendSkipped("s", "newsletter", "a_reason_of_a_later_version", "more"),
            "Not sent: a_reason_of_a_later_version.",
            "more",
        ),
        (
            SendDeferred("s", "newsletter", SEVEN, "quiet_hours", {}),
            "Waits until 2026-11-23T07:00:00.000Z: quiet hours of the account.",
            "",
        ),
        (
            SendRefused("s", 2, 402, "no funds", False),
            "Attempt 2: the provider did not take it; what follows is decided anew.",
            "HTTP 402: no funds",
        ),
        (
            SendRefused("s", 2, None, None, True),
            "Attempt 2: the provider refused it for good.",
            "it was not reached",
        ),
        (
            SendUnknown("s", 1, "crash", SEVEN),
            "Attempt 1: nobody knows yet whether it went, because the worker stopped between the call and the answer.",
            "It is not sent again; a receipt or the provider's own list is awaited until 2026-11-23T07:00:00.000Z.",
        ),
        (
            MessageStateChanged("s", 1, "sent", "failed", "failed", 12, None, "hard"),
            "Receipt: the SMS could not be delivered.",
            "the provider's word: failed, code 12; counts as a hard bounce",
        ),
        (InboundReceived("BAJA", "stop"), "The contact wrote the keyword stop.", "BAJA"),
        (
            LinkClicked("s", "https://e.example/x", SEVEN, True),
            "A link was opened by a scanner, not by a person.",
            "https://e.example/x",
        ),
    ],
)
def test_steps_are_told_in_plain_words(data: FactData, what: str, detail: str) -> None:
    step = told(data)
    assert (step.what, step.detail) == (what, detail)


def test_an_alert_and_a_text_of_its_own_are_told() -> None:
    from dataclasses import replace

    alert = replace(ATTEMPTED, alert=True, template=None, template_version=None, parts=2, encoding="UCS-2")
    assert told(alert).what == (
        f"Attempt 1: permitted, to the alert number {examples.PHONE} from Acme; a text of its own; 2 parts in UCS-2."
    )


def test_the_contracts_reasons_for_a_skip_all_have_words() -> None:
    reasons = """
        not_subscribed phone_bounced phone_paused no_phone duplicate not_mobile alert_invalid expired quiet_hours
        frequency_cap country_blocked account_limit template_unknown variable_invalid sender_invalid text_empty
        text_too_long account_unknown connector_missing erased stopped cancelled
    """  # contract.md, section 5
    assert set(SKIPPED) == set(reasons.split())
    assert not set(SKIPPED) & set(get_args(Reason))

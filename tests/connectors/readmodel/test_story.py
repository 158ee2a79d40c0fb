"""Why an SMS went or not, in words for people."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from connectors.readmodel.erasure import redacted
from connectors.readmodel.message import Row
from connectors.readmodel.reasons import DEFERRED, SKIPPED, UNKNOWN, WITHHELD, Check
from connectors.readmodel.story import Step, outcome, story
from events import examples
from events.contact import SubscriptionChanged
from events.envelope import Reason
from events.examples import FACTS, SEVEN
from events.fact import Fact, FactData
from events.message import InboundReceived, LinkClicked, MessageStateChanged
from events.send import SendAccepted, SendAttempted, SendDeferred, SendRefused, SendRequested, SendSkipped, SendUnknown


def told(data: FactData, source: str = "/test") -> Step:
    """The fact's own step: the last one, behind the asking."""
    return story([Fact("acme/ana", 7, SEVEN, "cause", source, data)])[-1]


UNCALLED = (
    "Attempt 2: no call was made, as the worker could no longer be sure that the send was its own; what follows is "
    "decided anew."
)
ATTEMPTED = next(fact.data for fact in FACTS if isinstance(fact.data, SendAttempted))


def test_an_opt_out_by_number_names_who_opted_out() -> None:
    changed = SubscriptionChanged("subscribed", "unsubscribed", "keyword", "replied 'BAJA'", "eva")
    assert told(changed).what == "Subscription: unsubscribed (by keyword)."
    assert told(changed).detail.endswith("evidence: replied 'BAJA'; eva has the same number, and opted out")


def test_an_attempt_of_a_send_that_was_counted_on_that_day_before_says_so() -> None:
    looked_at = {"day": "2026-11-23", "per_day": 3, "counted": True}
    assert [check.words for check in told(replace(ATTEMPTED, looked_at=looked_at)).checks] == [
        "the account's day is 2026-11-23",
        "the account allows 3 SMS a day",
        "it was counted on that day already",
    ]


def test_a_send_that_waited_went_and_was_delivered() -> None:
    facts = [fact for fact in FACTS if getattr(fact.data, "send_id", "") == "order-1234"]
    assert [step.what for step in story(facts)] == [
        "Asked for as a transactional SMS by /shop/checkout.",
        "Waits until 2026-11-23T07:06:00.000Z: the request asks for that time.",
        f"Attempt 1: permitted, to {examples.PHONE} from Acme; template order-shipped, version 1; 1 part in GSM-7.",
        "Attempt 1: the provider took it.",
        "Receipt: the SMS was delivered.",
        "A link was opened.",
    ]
    assert [step.detail for step in story(facts)] == [
        (
            f"event {facts[0].causation_id}; template order-shipped; sender Acme; labels express; "
            "not after 2026-11-23T19:00:00.000Z"
        ),
        "",
        "",
        "its id there: sms-5f2b",
        "the provider's word: delivered, code 0; its time: 2026-11-23T07:01:00.000Z",
        "https://shop.example.com/orders/1234",
    ]
    assert [check.words for step in story(facts) for check in step.checks] == [
        "the account's settings as of version 2",
        "the phone's status is active",
        "the contact's subscription is subscribed",
        "the account's settings as of version 2",
    ]
    assert [(step.at, step.sequence, step.type) for step in story(facts)[1:]] == [
        (fact.time, fact.sequence, fact.type) for fact in facts
    ]


def test_every_fact_there_is_can_be_told() -> None:
    steps = story(FACTS)
    assert [step.sequence for step in steps if step.type != SendRequested.TYPE] == [fact.sequence for fact in FACTS]
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
            "",
        ),
        (
            SendSkipped("s", "newsletter", "a_reason_of_a_later_version", "more"),
            "Not sent: a_reason_of_a_later_version.",
            "more",
        ),
        (
            SendDeferred("s", "newsletter", SEVEN, "quiet_hours", {}),
            "Waits until 2026-11-23T07:00:00.000Z: the account sends nothing in its quiet hours.",
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
            SendRefused("s", 2, None, "not called: the worker's lease was too old", False, withheld=True),
            UNCALLED,
            "The provider has no part in this.",
        ),
        (
            SendDeferred("s", "newsletter", SEVEN, "circuit", {}, looked_at={"withheld": True}),
            f"Waits until 2026-11-23T07:00:00.000Z: {WITHHELD}.",
            "",
        ),
        (
            SendAccepted("s", 1, "p1", {"evidence": "list"}),
            "Attempt 1: the provider took it, its own list says.",
            "its id there: p1",
        ),
        (
            SendAccepted("s", 1, None, {"evidence": "operator", "by": "ana", "because": "it shows in the dashboard"}),
            "Attempt 1: the provider took it, says the operator ana.",
            "because: it shows in the dashboard",
        ),
        (
            SendRefused("s", 1, None, None, True, {"evidence": "operator", "by": "ana", "because": "ticket 7"}),
            "Attempt 1: the provider did not take it, says the operator ana.",
            "because: ticket 7",
        ),
        (
            SendRefused("s", 1, None, None, False, {"evidence": "operator", "by": "ana", "because": "ticket 7"}),
            "Attempt 1: the provider did not take it, says the operator ana; what follows is decided anew.",
            "because: ticket 7",
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
    alert = replace(ATTEMPTED, alert=True, template=None, template_version=None, parts=2, encoding="UCS-2")
    assert told(alert).what == (
        f"Attempt 1: permitted, to the alert number {examples.PHONE} from Acme; a text of its own; 2 parts in UCS-2."
    )


CONTRACT = [  # contract.md, section 5
    "not_subscribed", "phone_bounced", "phone_paused", "no_phone", "duplicate", "not_mobile", "alert_invalid",
    "expired", "quiet_hours", "frequency_cap", "country_blocked", "account_limit", "template_unknown",
    "variable_invalid", "sender_invalid", "text_empty", "text_too_long", "account_unknown", "connector_missing",
    "erased", "stopped", "cancelled",
]  # fmt: skip
WAITS = ["not_before", "quiet_hours", "rate", "circuit"]  # contract.md, section 4


def test_the_contracts_reasons_all_have_words() -> None:
    assert set(SKIPPED) == set(CONTRACT)
    assert not set(SKIPPED) & set(get_args(Reason))
    assert set(DEFERRED) == set(WAITS)
    assert set(UNKNOWN) == {"timeout", "connection_lost", "server_error", "crash"}


@pytest.mark.parametrize("reason", CONTRACT)
def test_a_reason_to_skip_is_a_plain_sentence(reason: str) -> None:
    skipped = told(SendSkipped("s", "newsletter", reason, ""))
    assert skipped.what.startswith("Not sent: ")
    assert skipped.what.endswith(".")
    assert "_" not in skipped.what.replace("send_id", "")
    assert len(skipped.what.split()) > 5
    assert outcome(row("skipped", reason=reason)) == skipped.what


@pytest.mark.parametrize("reason", WAITS)
def test_a_reason_to_wait_is_a_plain_sentence(reason: Any) -> None:
    waits = told(SendDeferred("s", "newsletter", SEVEN, reason, {}))
    assert waits.what.startswith("Waits until 2026-11-23T07:00:00.000Z: the ")
    assert "_" not in waits.what
    assert outcome(row("deferred", reason=reason, deferred_until=SEVEN)) == waits.what


def row(said: str, **values: Any) -> Row:
    return {"outcome": said, "reason": None, "detail": None, "state": None, "provider_status": "a word", **values}


@pytest.mark.parametrize(
    ("stands", "sentence"),
    [
        (row("attempted"), "On its way: the provider's answer is not known yet."),
        (row("accepted", state="accepted", provider_status=None), "The provider took it; no receipt has come yet."),
        (row("accepted", state="accepted"), "The SMS was taken by the operator."),
        (row("accepted", state="delivered"), "The SMS was delivered."),
        (row("accepted", state="failed"), "The SMS could not be delivered."),
        (
            row("deferred", reason="circuit", detail=WITHHELD, deferred_until=SEVEN),
            f"Waits until 2026-11-23T07:00:00.000Z: {WITHHELD}.",
        ),
        (row("refused", reason="400", provider_status=None), "Not sent: the provider refused it."),
        (row("refused", state="delivered", provider_status="delivered"), "The SMS was delivered."),
        (
            row("unknown", reason="timeout"),
            "Nobody knows yet whether it went, because the provider did not answer in time.",
        ),
        (row("given_up"), "Nobody knows whether it went, and nothing is awaited any more; it may have arrived."),
    ],
)
def test_where_a_send_stands_is_one_sentence(stands: Row, sentence: str) -> None:
    assert outcome(stands) == sentence


def test_a_rule_of_a_later_version_is_told_as_it_is() -> None:
    looked_at = {"sent_lately": {"in_days": 7, "sends": [2, 3]}, "holiday": True, "cancellation": "in another form"}
    checks = told(SendSkipped("s", "newsletter", "not_mobile", "", looked_at)).checks
    assert [(check.rule, check.value) for check in checks] == list(looked_at.items())
    assert [check.words for check in checks] == [
        "sent lately: in days 7, sends 2, 3",
        "holiday: yes",
        "cancellation: in another form",
    ]
    assert checks[1] == Check("holiday", True, "holiday: yes")


def test_what_the_asker_said_of_the_time_is_told() -> None:
    times = {"not_before": "2026-11-24T08:00:00Z", "expires_at": "2026-11-25T08:00:00.000Z"}
    words = "not before 2026-11-24T08:00:00.000Z; not after 2026-11-25T08:00:00.000Z"
    asked = SendRequested.of_json({"to": "contact", "sender": "Acme", "text": "Hola", **times})
    request = asked.model_dump(mode="json", exclude_defaults=True)
    skipped = SendSkipped(
        "s", "newsletter", "expired", "", sender="Acme", not_before=asked.not_before, expires_at=asked.expires_at
    )
    waits = SendDeferred("s", "newsletter", SEVEN, "not_before", request)
    for data in (skipped, waits, replace(ATTEMPTED, request=request, template=None, labels=[])):
        (said, _) = story([Fact("acme/ana", 3, SEVEN, "e-1", "/campaign", data)])
        assert said.detail == f"event e-1; sender Acme; {words}"


def test_a_cap_is_told_with_what_counted_towards_it() -> None:
    caps = [{"sends": 2, "days": 1, "sent": 1}, {"sends": 5, "days": 7, "sent": 5}]
    (check,) = told(SendSkipped("s", "newsletter", "frequency_cap", "", {"caps": caps})).checks
    assert check.words == (
        "the account allows 2 SMS in 1 day, and 1 went to this contact; "
        "the account allows 5 SMS in 7 days, and 5 went to this contact"
    )


def test_a_send_that_waits_says_what_was_looked_at() -> None:
    waits = told(SendDeferred("s", "newsletter", SEVEN, "quiet_hours", {}, looked_at={"quiet_hours": "21:00-09:00"}))
    assert [check.rule for check in waits.checks] == ["quiet_hours"]


def test_a_skip_says_by_whom_when_and_what_was_asked_for() -> None:
    asked_at = SEVEN - 60_000
    skipped = SendSkipped(
        "s", "newsletter", "not_subscribed", "", {}, "", asked_at, "Acme", "black-friday", ["november", "vip"], True
    )
    asked, _ = story([Fact("acme/ana", 3, SEVEN, "e-1", "/campaign", skipped)])
    assert (asked.at, asked.what) == (asked_at, "Asked for as a newsletter by /campaign.")
    assert asked.detail == "event e-1; to an alert number; template black-friday; sender Acme; labels november, vip"
    assert (asked.type, asked.sequence) == (SendRequested.TYPE, 3)


def test_another_request_under_the_id_of_a_send_is_told_as_such() -> None:
    steps = story(
        [
            Fact("acme/ana", 1, SEVEN, "e-1", "/campaign", replace(ATTEMPTED, send_id="s")),
            Fact("acme/ana", 2, SEVEN, "e-2", "/shop", SendSkipped("s", "transactional", "duplicate", "")),
        ]
    )
    assert [step.what for step in steps if step.type == SendRequested.TYPE] == [
        "Asked for as a transactional SMS by /campaign.",
        "Asked for again, with other contents, as a transactional SMS by /shop.",
    ]


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("/recado/sender", "its id there: sms-1"),
        ("/instasent/acme", "known by a receipt; its id there: sms-1"),
        ("/twilio/acme", "known by a receipt; its id there: sms-1"),
        ("/operator/eva", "known by /operator/eva; its id there: sms-1"),
    ],
)
def test_how_an_acceptance_is_known_is_told(source: str, detail: str) -> None:
    assert told(SendAccepted("s", 1, "sms-1"), source).detail == detail


def test_what_the_provider_s_list_says_is_not_told_as_a_receipt() -> None:
    changed = MessageStateChanged("s", 1, "accepted", "delivered", "delivered", None, None, None)
    (step,) = story([Fact("acme/ana", 7, SEVEN, "cause", "/recado/sweeper", changed)])
    assert step.what == "The provider's list: the SMS was delivered."

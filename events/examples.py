"""One example of every input and of every fact, with fixed ids and times: shared by documentation, demo and tests.

They tell one story: Ana gives her number and her consent, an SMS about her order goes out and is delivered, another
does not go, and at the end she is forgotten. The numbers are of libphonenumber's example ranges.
"""

from typing import Final

from events.account import AccountConfigured, SendCancelled, TemplateSaved
from events.answer import AnswerReceived, SendSettled
from events.callback import CallbackReceived
from events.contact import (
    ContactErased,
    ContactErasure,
    ContactRefused,
    ContactUpdated,
    FieldsChanged,
    PhoneChanged,
    PhoneRefused,
    PhoneStatusChanged,
    SubscriptionChanged,
)
from events.dead_letter import DeadLetter
from events.envelope import Input, InputData
from events.fact import Fact, FactData
from events.link import LinkOpened
from events.message import InboundReceived, LinkClicked, MessageStateChanged
from events.opt_out import ACCOUNT as OPT_OUT
from events.opt_out import NumberOptedOut, OptOutRequested, hash_number
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendRequested,
    SendSkipped,
    SendUnknown,
)

SEVEN: Final = 1_795_417_200_000  # 2026-11-23T07:00:00Z, ms
MINUTE: Final = 60_000
ACCOUNT: Final = "acme"
CONTACT: Final = "ana@example.com"
SUBJECT: Final = f"{ACCOUNT}/{CONTACT}"
PHONE: Final = "+34612345678"
CLIENT_ID: Final = "3-1-mzxw6ytboi7777ab-k5qw2zlmnr"
CONSENT: Final = "checkbox 'SMS offers' on the checkout page"

CONFIGURED: Final = AccountConfigured.of_json(
    {
        "country": "ES",
        "timezone": "Europe/Madrid",
        "currency": "EUR",
        "locale": "es-ES",
        "default_subscription": "none",
        "connector": {
            "provider": "instasent",
            "base_url": "https://api.instasent.com/transactional/v1",
            "token": {"sealed": "v1.bm90LWEtcmVhbC10b2tlbg"},
        },
        "nodes": {"send_sms": {"name": "Send SMS", "color": "orange"}},
        "require_mobile": True,
        "bounces": {"hard_in_a_row": 3, "codes": {"failed:12": "hard"}},
        "resend_unknown": ["newsletter"],
        "quiet_hours": {"newsletter": {"from": "21:00", "to": "09:00", "holidays": True}},
        "caps": {"newsletter": [{"sends": 2, "days": 1}]},
        "limits": {"countries": ["ES"], "per_day": 100_000, "parts": 10},
        "text": {"transliterate": "gsm"},
        "keywords": {"stop": ["baja", "stop"]},
        "link_domain": "go.example.com",
        "fallback": None,
    }
)
TEMPLATE: Final = TemplateSaved.of_json(
    {
        "template": "order-shipped",
        "text": "Hola {{name}}, tu pedido {{order}} llega hoy",
        "variables": [
            {"id": "name", "name": "First name", "type": "text", "default": "cliente"},
            {"id": "order", "name": "Order number", "type": "number"},
        ],
        "labels": ["orders"],
    }
)
CANCELLED: Final = SendCancelled.of_json({"label": "november", "before": "2026-11-23T07:00:00Z"})
UPDATED: Final = ContactUpdated.of_json(
    {
        "via": "edit",
        "fields": {
            "_mobilePhone": "612 34 56 78",
            "_smsSubscriptionStatus": "subscribed",
            "first_name": "Ana",
            "orders": 3,
            "city": None,
        },
        "evidence": CONSENT,
    }
)
ERASURE: Final = ContactErasure.of_json({"reason": "asked by the contact, ticket 4711"})
REQUESTED: Final = SendRequested.of_json(
    {
        "send_id": "order-1234",
        "to": "contact",
        "sender": "Acme",
        "template": "order-shipped",
        "labels": ["express"],
        "variables": {"order": 1234, "name": {"field": "first_name"}},
        "expires_at": "2026-11-23T19:00:00Z",
    }
)
REQUESTED_ALERT: Final = SendRequested.of_json(
    {"send_id": "alert-7", "to": {"alert": "+34612345679"}, "sender": "Acme", "text": "Pedido 1234 sin pagar"}
)
SETTLED: Final = SendSettled(
    send_id="order-1236", outcome="accepted", by="ana", because="Instasent's dashboard shows it as delivered"
)
ANSWERED: Final = AnswerReceived.of_json(
    {
        "send_id": "order-1234",
        "attempt": 1,
        "client_id": CLIENT_ID,
        "outcome": "accepted",
        "provider_id": "sms-5f2b",
        "status": 201,
    }
)
CALLED_BACK: Final = CallbackReceived.of_json(
    {
        "provider": "instasent",
        "received_at": "2026-11-23T07:01:05Z",
        "client_id": CLIENT_ID,
        "provider_id": "sms-5f2b",
        "status": "delivered",
        "code": 0,
        "event_at": "2026-11-23T07:01:00Z",
    }
)

OPT_OUT_REQUESTED: Final = OptOutRequested(code="4gfFDKcYTUpV3bO9")
NUMBER_OPTED_OUT: Final = NumberOptedOut(number=hash_number(ACCOUNT, PHONE), via="keyword", evidence="replied 'BAJA'")

LINK_OPENED: Final = LinkOpened(
    contact=CONTACT, send_id="order-1234", url="https://shop.example.com/orders/1234", automated=False
)


def _input(number: int, data: InputData, subject: str, source: str) -> Input:
    return Input.of(data, id=f"example-{number}", source=source, subject=subject, time=SEVEN + number * MINUTE)


INPUTS: Final[tuple[Input, ...]] = (
    _input(1, CONFIGURED, ACCOUNT, "/console"),
    _input(2, TEMPLATE, ACCOUNT, "/console"),
    _input(3, CANCELLED, ACCOUNT, "/console"),
    _input(4, UPDATED, SUBJECT, "/shop/checkout"),
    _input(5, REQUESTED, SUBJECT, "/shop/checkout"),
    _input(6, REQUESTED_ALERT, SUBJECT, "/shop/checkout"),
    _input(7, ANSWERED, SUBJECT, "/recado/sender"),
    _input(8, CALLED_BACK, ACCOUNT, "/recado/ingress"),
    _input(9, ERASURE, SUBJECT, "/console"),
    _input(10, OPT_OUT_REQUESTED, OPT_OUT, "/recado/opt-out"),
    _input(11, NUMBER_OPTED_OUT, SUBJECT, "/recado/numbers"),
    _input(12, SETTLED, SUBJECT, "/recado/cli"),
    _input(13, LINK_OPENED, ACCOUNT, "/recado/links"),
)

_LOOKED_AT: Final = {"phone_status": "active", "subscription": "subscribed", "settings_version": 2}
_DATA: Final[tuple[tuple[int, FactData], ...]] = (  # the input that caused it, and what followed
    (4, PhoneChanged(None, PHONE, "edit")),
    (4, PhoneStatusChanged(None, "active", "phone_changed")),
    (4, SubscriptionChanged("none", "subscribed", "edit", CONSENT)),
    (4, FieldsChanged({"first_name": "Ana", "orders": 3}, ["city"])),
    (4, PhoneRefused("612", "not_a_number", PHONE)),
    (4, ContactRefused("too_many_fields", "with this update the contact would have 65 custom fields of at most 64")),
    (
        5,
        SendDeferred(
            send_id="order-1234",
            class_="transactional",
            until=SEVEN + 6 * MINUTE,
            reason="not_before",
            request=REQUESTED.as_json(),
            requested_at=SEVEN + 5 * MINUTE,
            body="9f86d081884c7d65",
            looked_at={"settings_version": 2},
        ),
    ),
    (
        5,
        SendAttempted(
            send_id="order-1234",
            class_="transactional",
            attempt=1,
            client_id=CLIENT_ID,
            to=PHONE,
            sender="Acme",
            template="order-shipped",
            template_version=1,
            labels=["orders", "express"],
            encoding="GSM-7",
            parts=1,
            text="Hola Ana, tu pedido 1234 llega hoy",
            alert=False,
            request=REQUESTED.as_json(),
            looked_at=_LOOKED_AT,
            requested_at=SEVEN + 5 * MINUTE,
            body="9f86d081884c7d65",
        ),
    ),
    (7, SendAccepted("order-1234", 1, "sms-5f2b")),
    (7, SendRefused("order-1235", 1, 429, "too many requests", False)),
    (7, SendUnknown("order-1236", 1, "timeout", SEVEN + 72 * 60 * MINUTE)),
    (7, SendGivenUp("order-1236", 1)),
    (6, SendSkipped("alert-7", "transactional", "alert_invalid", "the alert number is none that can be called")),
    (8, MessageStateChanged("order-1234", 1, "accepted", "delivered", "delivered", 0, SEVEN + MINUTE, None)),
    (8, InboundReceived("BAJA", "stop")),
    (8, LinkClicked("order-1234", "https://shop.example.com/orders/1234", SEVEN + 9 * MINUTE, False)),
    (9, ContactErased("asked by the contact, ticket 4711")),
)
FACTS: Final[tuple[Fact, ...]] = tuple(
    Fact(SUBJECT, sequence, INPUTS[cause - 1].time + 40, f"example-{cause}", INPUTS[cause - 1].source, data)
    for sequence, (cause, data) in enumerate(_DATA, 1)
)
DEAD_LETTER: Final = DeadLetter(
    reason="not_json",
    detail="not JSON in UTF-8: invalid literal, expected 'null': line 1 column 1 (char 0)",
    topic="recado.contacts",
    partition=3,
    offset=17,
    at=SEVEN + MINUTE,
    original=b"not json at all",
    size=15,
    key=SUBJECT.encode(),
    headers=(("content-type", b"application/json"),),
)

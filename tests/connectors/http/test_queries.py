"""The read model over HTTP: who may ask, what may be asked, and what an answer looks like."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine, text

from connectors.credentials import api_key
from connectors.http import problems
from connectors.http.queries import build_queries
from connectors.readmodel import database
from connectors.readmodel.writer import Slice, write
from events.codec import encode_fact
from events.contact import ContactErased, Subscription
from events.examples import FACTS, PHONE, SEVEN
from events.fact import Fact
from events.send import SendSkipped

SECRET = b"s" * 32
KEY = {"Authorization": f"Bearer {api_key(SECRET, 'acme')}"}
EIGHT = SEVEN + 3_600_000
ANA = "/v1/accounts/acme/contacts/ana@example.com"
ODD = "acme/ñ %+&#?;x"
BEFORE_ERASURE = [fact for fact in FACTS if not isinstance(fact.data, ContactErased)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_database(f"sqlite:///{tmp_path}/readmodel.db")
    database.prepare(engine)
    skipped = SendSkipped("order-1234", "newsletter", "no_phone", "")
    facts = [*BEFORE_ERASURE, Fact(ODD, 1, FACTS[0].time, "cause", "/test", skipped)]
    with database.writing(engine) as connection:
        write(connection, [Slice("recado.journal", 0, 0, len(facts), list(enumerate(map(encode_fact, facts))))])
    yield engine
    engine.dispose()


def default_subscription(account: str, moment: int | None) -> Subscription:
    """`acme` changed it when the clock struck eight."""
    return "unsubscribed" if account == "acme" and (moment is None or moment >= EIGHT) else "none"


def get(engine: Engine, path: str, headers: dict[str, str] = KEY, **query: Any) -> tuple[int, Any]:
    """One request; the answer's status and JSON. Every error must be a problem."""

    async def ask() -> tuple[int, Any]:
        app = web.Application(middlewares=[problems.middleware])
        app.add_routes(build_queries(engine, SECRET, default_subscription))
        async with TestClient(TestServer(app)) as client:
            response = await client.get(path, headers=headers, params=query or None)
            expected = "application/json" if response.ok else problems.MEDIA_TYPE
            assert response.content_type == expected
            return response.status, await response.json(content_type=expected)

    return asyncio.run(ask())


def test_a_contact_is_shown_as_it_is_now(engine: Engine) -> None:
    status, body = get(engine, ANA)
    assert status == 200
    assert (body["phone"], body["phone_status"], body["subscription"]) == (PHONE, "active", "subscribed")
    assert body["fields"]["first_name"] == "Ana"
    assert body["fields"]["_mobilePhone"] == PHONE


def test_a_contact_is_shown_as_it_was(engine: Engine) -> None:
    assert get(engine, ANA, at="2026-11-23T07:03:59Z")[0] == 404
    status, body = get(engine, ANA, at="2026-11-23T08:04:00.040+01:00")
    assert (status, body["sequence"], body["subscription"]) == (200, 6, "subscribed")


def test_of_whom_nothing_was_said_the_accounts_default_holds(engine: Engine) -> None:
    assert get(engine, "/v1/accounts/acme/contacts/%C3%B1%20%25+%26%23%3F%3Bx")[1]["subscription"] == "unsubscribed"


def test_of_the_past_the_default_of_then_is_told(engine: Engine) -> None:
    odd = "/v1/accounts/acme/contacts/%C3%B1%20%25+%26%23%3F%3Bx"
    asked = ["2026-11-23T07:59:59.999Z", "2026-11-23T08:00:00Z"]
    assert [get(engine, odd, at=at)[1]["subscription"] for at in asked] == ["none", "unsubscribed"]


def test_contacts_in_paths_are_percent_encoded(engine: Engine) -> None:
    status, body = get(engine, "/v1/accounts/acme/contacts/%C3%B1%20%25+%26%23%3F%3Bx/messages")
    assert (status, body["messages"][0]["reason"]) == (200, "no_phone")


def test_messages_are_paged(engine: Engine) -> None:
    _, first = get(engine, f"{ANA}/messages", limit=1)
    _, second = get(engine, f"{ANA}/messages", limit=1, before=first["next"])
    _, last = get(engine, f"{ANA}/messages", limit=1, before=second["next"])
    assert [page["messages"][0]["send_id"] for page in (first, second)] == ["alert-7", "order-1234"]
    assert last == {"messages": [], "next": None}


@pytest.mark.parametrize(
    ("query", "received"),
    [
        ({}, True),
        ({"class": "transactional", "template": "order-shipped", "label": "express", "at_least": 1}, True),
        ({"class": "newsletter"}, False),
        ({"at_least": 2}, False),
        ({"state": "accepted"}, True),
        ({"since": "2026-11-23T08:00:00Z"}, False),
        ({"until": "2026-11-23T08:00:00Z", "since": "2026-11-23T07:00:00Z", "state": "delivered"}, True),
    ],
)
def test_has_received_sms_is_answered(engine: Engine, query: dict[str, Any], received: bool) -> None:
    status, body = get(engine, f"{ANA}/has-received-sms", **query)
    assert (status, body["received"], set(body)) == (200, received, {"received", "count", "last"})


def test_any_of_several_labels_will_do(engine: Engine) -> None:
    status, body = get(engine, f"{ANA}/has-received-sms?label=nothing&label=orders")
    assert (status, body["count"], body["last"]["send_id"], body["last"]["to"]) == (200, 1, "order-1234", PHONE)


def test_a_decision_record_names_its_steps(engine: Engine) -> None:
    path = "/v1/accounts/acme/sends/order-1234"
    status, body = get(engine, path, contact="ana@example.com")
    assert (status, body["outcome"], body["state"]) == (200, "accepted", "delivered")
    assert body["summary"] == "The SMS was delivered."
    assert body["steps"][0]["what"] == "Asked for as a transactional SMS by /shop/checkout."
    assert "Receipt: the SMS was delivered." in [step["what"] for step in body["steps"]]
    assert {"phone_status", "subscription"} <= {check["rule"] for step in body["steps"] for check in step["checks"]}
    assert get(engine, path)[0] == 409
    assert get(engine, "/v1/accounts/acme/sends/none")[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {api_key(SECRET, 'acme')}"},
        {"Authorization": f"Bearer {api_key(SECRET, 'zeta')}"},
        {"Authorization": f"Bearer {api_key(b'x' * 32, 'acme')}"},
    ],
)
@pytest.mark.parametrize(
    "path", [ANA, f"{ANA}/messages", f"{ANA}/has-received-sms?wrong=1", "/v1/accounts/acme/sends/order-1234"]
)
def test_who_has_not_the_accounts_key_learns_nothing(engine: Engine, headers: dict[str, str], path: str) -> None:
    status, body = get(engine, path, headers)
    assert (status, body["title"]) == (401, "Not authorised")


@pytest.mark.parametrize(
    ("path", "field", "rule"),
    [
        (f"{ANA}?ta=1", "ta", "known here: at"),
        (f"{ANA}?at=yesterday", "at", "RFC 3339"),
        (f"{ANA}?at=2026-11-23T07:00:00+01:00", "at", "%2B"),
        (f"{ANA}?at=2026-02-30T07:00:00Z", "at", "RFC 3339"),
        (f"{ANA}?at=2026-11-23T07:00:00Z&at=2026-11-23T07:00:00Z", "at", "once"),
        (f"{ANA}/messages?limit=0", "limit", "from 1 to 1000"),
        (f"{ANA}/messages?limit=1001", "limit", "from 1 to 1000"),
        (f"{ANA}/messages?limit=%D9%A1", "limit", "from 1 to 1000"),
        (f"{ANA}/messages?before={'9' * 5000}", "before", "whole number"),
        (f"{ANA}/has-received-sms?class=urgent", "class", "transactional or newsletter"),
        (f"{ANA}/has-received-sms?state=sent", "state", "delivered or accepted"),
        (f"{ANA}/has-received-sms?at_least=-1", "at_least", "from 1 to"),
        (f"{ANA}/has-received-sms?template=", "template", "1 to 128"),
        (f"{ANA}/has-received-sms?label=%00", "label", "printable"),
        (f"{ANA}/has-received-sms?label=" + "&label=".join("abcdefghijklmnopqrstu"), "label", "20 times"),
        (f"{ANA}/has-received-sms?since=2026-11-23T07:00:00Z&until=2026-11-23T07:00:00Z", "until", "later than since"),
        ("/v1/accounts/acme/contacts/a%2Fb", "contact", "without /"),
        ("/v1/accounts/acme/contacts/a%00b", "contact", "printable"),
        (f"/v1/accounts/acme/contacts/{'a' * 129}", "contact", "1 to 128"),
        ("/v1/accounts/acme/sends/a%0Ab", "send_id", "printable"),
        (f"/v1/accounts/acme/sends/{'a' * 65}", "send_id", "1 to 64"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_field_value_and_rule(
    engine: Engine, path: str, field: str, rule: str
) -> None:
    status, body = get(engine, path)
    assert (status, body["field"]) == (400, field)
    assert rule in body["rule"]
    assert len(body["value"]) <= 200


def test_a_database_that_fails_is_told_as_unavailable(engine: Engine) -> None:
    with database.writing(engine) as connection:
        connection.execute(text("DROP VIEW v_messages"))
        connection.execute(text("ALTER TABLE messages RENAME TO gone"))
    status, body = get(engine, f"{ANA}/messages")
    assert (status, body["title"]) == (503, "The read model does not answer")
    assert "messages" not in body["detail"]


def test_a_data_subject_s_request_is_answered_whole(engine: Engine) -> None:
    status, body = get(engine, f"{ANA}/export")
    assert status == 200
    assert (body["profile"]["phone"], body["consent"][0]["to"]) == (PHONE, "subscribed")
    assert len(body["facts"]) == len(BEFORE_ERASURE)
    assert [message["send_id"] for message in body["messages"]]
    assert get(engine, "/v1/accounts/acme/contacts/nobody/export")[0] == 404
    assert get(engine, f"{ANA}/export", at="2026-11-23T07:03:59Z")[0] == 400
    assert get(engine, f"{ANA}/export", headers={})[0] == 401


def test_statistics_are_told_by_group(engine: Engine) -> None:
    path = "/v1/accounts/acme/statistics"
    status, body = get(engine, path)
    assert (status, len(body["groups"]), body["group_by"]) == (200, 1, [])
    status, body = get(engine, f"{path}?group_by=day,class&group_by=outcome&since=2026-11-01T00:00:00Z")
    assert (status, body["group_by"], body["since"]) == (200, ["day", "class", "outcome"], "2026-11-01T00:00:00.000Z")
    assert {"day": "2026-11-23", "class": "transactional", "outcome": "accepted", "sends": 1}.items() <= next(
        group for group in body["groups"] if group["outcome"] == "accepted"
    ).items()


@pytest.mark.parametrize("query", ["group_by=colour", "group_by=class,class", "group_by=", "since=yesterday", "by=day"])
def test_statistics_refuse_what_they_do_not_know(engine: Engine, query: str) -> None:
    status, body = get(engine, f"/v1/accounts/acme/statistics?{query}")
    assert (status, body["field"]) == (400, query.partition("=")[0])

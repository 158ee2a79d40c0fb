"""What an account may tell over HTTP: durable before it is answered, refused before anything is written."""

import asyncio
from itertools import count
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors.credentials import api_key
from connectors.http import problems
from connectors.http.bearer import KnownKeys
from connectors.http.cloudevents import MOST_EVENTS, CloudEvents
from connectors.http.commands import Commands
from connectors.kafka.appender import Appended, MemoryAppender
from connectors.kafka.outbox import Outbox
from events.account import AccountConfigured
from events.codec import decode_input
from events.contact import ContactUpdated
from events.envelope import Input
from events.examples import CONTACT, SEVEN, SUBJECT
from events.partition import partition_of
from events.send import SendRequested
from events.topics import Role
from projections.account import Directory

SECRET = b"s" * 32
KEY = {"Authorization": f"Bearer {api_key(SECRET, 'acme')}"}
ANA = f"/v1/accounts/acme/contacts/{CONTACT}"
SENDS = "/v1/accounts/acme/sends"
PARTITIONS = 8
UPDATE = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/shop",
    "type": "recado.contact.updated.v1",
    "subject": SUBJECT,
    "time": "2026-11-23T07:00:00Z",
    "data": {"via": "workflow", "fields": {"city": "Vigo"}},
}
SEND = {"contact": CONTACT, "class": "transactional", "sender": "Acme", "text": "Hola"}


def ask(
    method: str,
    path: str,
    body: object,
    headers: dict[str, str] | None = None,
    appender: MemoryAppender | None = None,
    directory: Directory | None = None,
) -> tuple[int, Any, list[Appended]]:
    """One request: the answer's status and JSON, and what was written."""
    written = appender or MemoryAppender()
    ids = count(1)

    async def scenario() -> tuple[int, Any]:
        app = web.Application(middlewares=[problems.middleware])
        outbox = Outbox(written, "recado.", PARTITIONS, ack_timeout=0.2)
        app.add_routes(Commands(outbox, SECRET, lambda: SEVEN, lambda: f"id-{next(ids)}").routes())
        keys = KnownKeys(SECRET, lambda: ["acme", "other"])
        app.add_routes(CloudEvents(outbox, SECRET, keys, directory or Directory()).routes())
        async with TestClient(TestServer(app)) as client:
            content = body if isinstance(body, bytes) else orjson.dumps(body)
            response = await client.request(method, path, data=content, headers=KEY if headers is None else headers)
            expected = "application/json" if response.ok else problems.MEDIA_TYPE
            assert response.content_type == expected
            return response.status, await response.json(content_type=expected)

    return *asyncio.run(scenario()), written.records


@pytest.mark.parametrize(
    "body",
    [
        {"fields": {"_mobilePhone": "612 34 56 78", "city": None}, "evidence": "by phone"},
        {"_mobilePhone": "612 34 56 78", "city": None},
    ],
)
def test_an_edit_is_durable_in_its_contacts_partition(body: dict[str, Any]) -> None:
    status, answer, (record,) = ask("PATCH", ANA, body)
    assert (status, answer) == (202, {"id": "id-1"})
    assert (record.topic, record.key) == ("recado.contacts", SUBJECT.encode())
    assert record.partition == partition_of(SUBJECT.encode(), PARTITIONS)
    event = decode_input(Role.CONTACTS, record.value)
    assert isinstance(event.data, ContactUpdated)
    assert (event.id, event.time, event.data.via, event.data.evidence) == ("id-1", SEVEN, "edit", body.get("evidence"))
    assert event.data.fields == {"_mobilePhone": "612 34 56 78", "city": None}


def test_the_same_idempotency_key_makes_the_same_event_for_one_contact() -> None:
    headers = KEY | {"Idempotency-Key": "k-1"}
    ids = [ask("PATCH", path, {"city": "Vigo"}, headers)[1]["id"] for path in (ANA, ANA, ANA + "x")]
    assert ids[0] == ids[1] != ids[2]
    assert ask("PATCH", ANA, {"city": "Vigo"}, KEY | {"Idempotency-Key": "k-2"})[1]["id"] != ids[0]


@pytest.mark.parametrize(
    ("body", "field", "kind"),
    [
        ({"_phone": "612"}, "_phone", "a text of 3 characters"),
        ({"city": "Vigo", "_smsSubscriptionStatus": "yes"}, "_smsSubscriptionStatus", "a text of 3 characters"),
        ({"city": ["Vigo"]}, "city", "a list of 1"),
        ({"_mobilePhone": 34612345678}, "_mobilePhone", "a number"),
        ({"fields": {}, "via": "tag"}, "via", "a text of 3 characters"),
        ({"fields": {}, "evidence": True}, "evidence", "true or false"),
        ({"fields": {}, "colour": 1}, "colour", "a number"),
        ({f"f{n}": n for n in range(65)}, "fields", "an object"),
        ([], "", "a list of 0"),
    ],
)
def test_a_wrong_edit_names_field_kind_and_rule_and_writes_nothing(body: Any, field: str, kind: str) -> None:
    status, answer, written = ask("PATCH", ANA, body)
    assert (status, answer["field"], answer["value"]) == (400, field, kind)
    assert answer["rule"]
    assert written == []


def test_a_wrong_value_is_not_repeated() -> None:
    assert "612345678x" not in str(ask("PATCH", ANA, {"_mobilePhoneStatus": "612345678x"})[1])


def test_a_template_event_that_could_not_be_used_is_refused_with_the_place_of_its_fault() -> None:
    data = {"template": "hello", "text": "Hola\n{{nmae}}", "variables": []}
    event = UPDATE | {"type": "recado.template.saved.v1", "subject": "acme", "data": data}
    status, answer, written = ask("POST", "/v1/events", event)
    assert (status, written) == (400, [])
    assert "{{nmae}} in line 2, character 1" in answer["errors"][0]["detail"]


def test_a_template_event_is_judged_by_the_accounts_settings_and_those_that_stand_before_it() -> None:
    directory = Directory()
    gsm = AccountConfigured.of_json({"text": {"transliterate": "gsm"}})
    directory.evolve(Input.of(gsm, id="a", source="/test", subject="acme", time=SEVEN), 0)
    data = {"template": "hello", "text": "Hola 😀", "variables": []}
    event = UPDATE | {"type": "recado.template.saved.v1", "subject": "acme", "data": data}
    status, answer, written = ask("POST", "/v1/events", event, directory=directory)
    assert (status, written) == (400, [])
    assert "which GSM-7 cannot write" in answer["errors"][0]["detail"]
    kept = {"type": "recado.account.configured.v1", "subject": "acme", "data": {"text": {"transliterate": "keep"}}}
    assert ask("POST", "/v1/events", [UPDATE | kept, event], directory=directory)[0] == 202


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {api_key(SECRET, 'other')}"}])
@pytest.mark.parametrize(
    ("method", "path", "body"), [("PATCH", ANA, {}), ("POST", SENDS, SEND), ("POST", "/v1/events", UPDATE)]
)
def test_without_the_accounts_key_nothing_is_written(
    headers: dict[str, str], method: str, path: str, body: dict[str, Any]
) -> None:
    assert ask(method, path, body, headers)[::2] == (401, [])


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/accounts/acme/contacts/a%2Fb", "contact"), ("/v1/accounts/acme/contacts/" + "x" * 129, "contact")],
)
def test_what_cannot_be_a_contact_is_refused(path: str, field: str) -> None:
    status, answer, written = ask("PATCH", path, {"city": "Vigo"})
    assert (status, answer["field"], written) == (400, field, [])


def test_a_body_has_a_limit_and_is_json() -> None:
    assert ask("PATCH", ANA, b" " * 200_000)[0] == 413
    assert ask("PATCH", ANA, b"{")[0] == 400
    assert ask("PATCH", ANA, b"x", KEY | {"Content-Encoding": "gzip"})[0] == 415


def test_a_send_is_written_to_its_class_and_answered_with_its_id() -> None:
    status, answer, (record,) = ask("POST", SENDS, SEND)
    assert (status, answer, record.topic) == (202, {"send_id": "id-1"}, "recado.sends.transactional")
    event = decode_input(Role.TRANSACTIONAL, record.value)
    assert isinstance(event.data, SendRequested)
    assert (event.subject, event.data.to, event.data.text) == (SUBJECT, "contact", "Hola")
    named = ask("POST", SENDS, SEND | {"send_id": "order-1", "class": "newsletter"})
    assert (named[1], named[2][0].topic) == ({"send_id": "order-1"}, "recado.sends.newsletter")


def test_a_send_with_the_same_idempotency_key_has_the_same_id() -> None:
    headers = KEY | {"Idempotency-Key": "order-7"}
    (_, first, (one,)), (_, second, (two,)) = (ask("POST", SENDS, SEND, headers) for _ in range(2))
    assert first == second
    assert one == two


@pytest.mark.parametrize("change", [{"text": "Adiós"}, {"class": "newsletter"}, {"labels": ["orders"]}])
def test_the_same_key_with_other_words_is_another_event_for_the_same_send(change: dict[str, Any]) -> None:
    """So that it is skipped as a duplicate, and seen, where it would vanish as a repetition."""
    headers = KEY | {"Idempotency-Key": "order-7"}
    _, first, (one,) = ask("POST", SENDS, SEND, headers)
    _, second, (two,) = ask("POST", SENDS, SEND | change, headers)
    assert first == second
    asked = [
        decode_input(Role.NEWSLETTER if "newsletter" in r.topic else Role.TRANSACTIONAL, r.value) for r in (one, two)
    ]
    assert asked[0].id != asked[1].id
    assert {event.data.send_id for event in asked if isinstance(event.data, SendRequested)} == {first["send_id"]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"class": None}, "class"),
        ({"contact": 7}, "contact"),
        ({"sender": 7}, "sender"),
        ({"colour": 1}, "colour"),
        ({"contact": ""}, "contact"),
        ({"contact": "a/b"}, "contact"),
        ({"class": "urgent"}, "class"),
        ({"template": "order"}, ""),
        ({"text": None}, ""),
        ({"text": "x" * 10_001}, "text"),
        ({"sender": None}, "sender"),
        ({"to": "everybody"}, "to"),
        ({"to": {"alert": 600}}, "to.alert"),
        ({"to": {"alert": "600"}}, "to.alert"),
        ({"to": {"phone": "+34600000001"}}, "to.alert"),
        ({"send_id": "x" * 65}, "send_id"),
        ({"send_id": ""}, "send_id"),
        ({"labels": "orders"}, "labels"),
        ({"labels": [7]}, "labels.0"),
        ({"variables": []}, "variables"),
        ({"variables": {"order": [1]}}, "variables"),
        ({"variables": {"order": {"column": "x"}}}, "variables"),
        ({"not_before": "tomorrow"}, "not_before"),
        ({"expires_at": 1795417200}, "expires_at"),
    ],
)
def test_a_wrong_send_names_its_field_and_rule_and_writes_nothing(change: dict[str, Any], field: str) -> None:
    status, answer, written = ask("POST", SENDS, SEND | change)
    assert (status, answer["field"], written) == (400, field, [])
    assert answer["rule"]
    assert answer["value"]
    assert answer["detail"].endswith(answer["rule"])


def test_a_request_that_only_the_engine_can_judge_is_taken_and_skipped_with_its_reason_there() -> None:
    for change in ({"sender": "AVeryLongSender"}, {"text": ""}, {"to": {"alert": "600 000"}}, {"template": "none"}):
        body = {name: value for name, value in (SEND | change).items() if not ("template" in change and name == "text")}
        status, answer, written = ask("POST", SENDS, body)
        assert (status, answer, len(written)) == (202, {"send_id": "id-1"}, 1)


def test_what_is_not_durable_is_not_accepted() -> None:
    silent = MemoryAppender()
    silent.open.clear()
    for appender in (MemoryAppender(down=True), silent):
        assert ask("PATCH", ANA, {"city": "Vigo"}, appender=appender)[0] == 503


def test_one_event_is_taken_as_it_is() -> None:
    status, answer, (record,) = ask("POST", "/v1/events", UPDATE | {"traceparent": "00-a"})
    assert (status, answer) == (202, {"accepted": 1, "ids": ["e-1"]})
    assert (record.topic, orjson.loads(record.value)) == ("recado.contacts", UPDATE | {"traceparent": "00-a"})


def test_a_batch_goes_to_the_topics_of_its_types_in_order() -> None:
    send = UPDATE | {
        "id": "s-1", "type": "recado.send.requested.v1", "class": "newsletter",
        "data": {"to": "contact", "sender": "Acme", "text": "Hola"},
    }  # fmt: skip
    cancel = UPDATE | {
        "id": "c-1",
        "type": "recado.send.cancelled.v1",
        "subject": "acme",
        "data": {"before": UPDATE["time"]},
    }
    headers = KEY | {"Content-Type": "application/cloudevents-batch+json"}
    status, answer, written = ask("POST", "/v1/events", [UPDATE, UPDATE | {"id": "e-2"}, send, cancel], headers)
    assert (status, answer["ids"]) == (202, ["e-1", "e-2", "s-1", "c-1"])
    assert [(r.topic, r.partition) for r in written] == [
        ("recado.contacts", partition_of(SUBJECT.encode(), 8)),
        ("recado.contacts", partition_of(SUBJECT.encode(), 8)),
        ("recado.sends.newsletter", partition_of(SUBJECT.encode(), 8)),
        ("recado.accounts", 0),
    ]


def test_one_wrong_event_of_a_batch_and_nothing_is_written() -> None:
    foreign, internal = UPDATE | {"subject": "other/ana"}, UPDATE | {"type": "recado.answer.received.v1"}
    plain = UPDATE | {
        "type": "recado.account.configured.v1", "subject": "acme",
        "data": {"connector": {"provider": "instasent", "token": "secret token"}},
    }  # fmt: skip
    status, answer, written = ask("POST", "/v1/events", [UPDATE, foreign, internal, plain, 7])
    assert (status, written) == (400, [])
    assert [(e["index"], e["reason"]) for e in answer["errors"]] == [
        (1, "subject"), (2, "topic"), (3, "schema"), (4, "envelope"),
    ]  # fmt: skip
    assert "secret token" not in str(answer)


def test_a_plain_token_in_an_event_is_sealed_before_it_is_written() -> None:
    configured = UPDATE | {
        "type": "recado.account.configured.v1", "subject": "acme",
        "data": {"connector": {"provider": "instasent", "token": "secret-token"}},
    }  # fmt: skip
    status, _, (record,) = ask("POST", "/v1/events", configured)
    assert (status, record.topic) == (202, "recado.accounts")
    assert b"secret-token" not in record.value
    assert orjson.loads(record.value)["data"]["connector"]["token"].keys() == {"sealed"}


@pytest.mark.parametrize(
    ("event", "reason", "named"),
    [
        ({}, "envelope", "id"),
        (7, "envelope", "object"),
        ({name: value for name, value in UPDATE.items() if name != "subject"}, "envelope", "subject"),
        (UPDATE | {"subject": 5}, "envelope", "subject"),
        (UPDATE | {"subject": ""}, "envelope", "subject"),
        (UPDATE | {"subject": "Not An Account/ana"}, "subject", "subject"),
    ],
)
def test_who_has_a_key_is_told_what_is_wrong_with_an_event_that_names_no_account(
    event: object, reason: str, named: str
) -> None:
    status, answer, written = ask("POST", "/v1/events", event)
    assert (status, written) == (400, [])
    (error,) = answer["errors"]
    assert (error["index"], error["reason"], named in error["detail"]) == (0, reason, True)
    for key in ("rk_nobody", api_key(b"x" * 32, "acme")):
        assert ask("POST", "/v1/events", event, {"Authorization": f"Bearer {key}"})[::2] == (401, [])


@pytest.mark.parametrize("body", [b"[]", b"{", b"[" + b"1," * MOST_EVENTS + b"1]"])
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    assert ask("POST", "/v1/events", body)[::2] == (400, [])

"""An account's settings and templates over HTTP: secrets go in and never come out, and a wrong template is refused."""

import asyncio
from itertools import count
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors.credentials import api_key
from connectors.http import problems
from connectors.http.accounts import Accounts
from connectors.kafka.appender import Appended, MemoryAppender
from connectors.kafka.outbox import Outbox
from connectors.sealing import unseal
from connectors.tokens import PURPOSE
from events.codec import decode_input
from events.examples import SEVEN
from events.topics import Role
from projections.account import Directory

SECRET = b"s" * 32
KEY = {"Authorization": f"Bearer {api_key(SECRET, 'acme')}"}
ACCOUNT = "/v1/accounts/acme"
ORDER = f"{ACCOUNT}/templates/order"
TOKEN = "a-token-of-instasent"
NAME = {"id": "name", "name": "First name", "type": "text", "default": "cliente"}

Asked = tuple[str, str, Any]
Answers = list[tuple[int, Any]]


def ask(
    *requests: Asked, headers: dict[str, str] = KEY, slow: bool = False
) -> tuple[list[tuple[int, Any]], list[Appended]]:
    """Requests one after the other: status and JSON of each, and what was written. Kafka is read back at once, or, if
    `slow`, never."""
    appender, directory, ids = MemoryAppender(), Directory(), count(1)

    async def caught_up() -> None:
        if slow:
            await asyncio.Event().wait()
        for offset, record in enumerate(appender.records):
            directory.evolve(decode_input(Role.ACCOUNTS, record.value), offset)

    async def scenario() -> Answers:
        app = web.Application(middlewares=[problems.middleware])
        outbox = Outbox(appender, "recado.", 8, ack_timeout=0.2)
        new_id = lambda: f"id-{next(ids)}"  # noqa: E731
        app.add_routes(Accounts(outbox, SECRET, lambda: SEVEN, new_id, directory, caught_up, 0.05).routes())
        answers = []
        async with TestClient(TestServer(app)) as client:
            for method, path, body in requests:
                content = None if body is None else orjson.dumps(body)
                response = await client.request(method, path, data=content, headers=headers)
                assert response.content_type == ("application/json" if response.ok else problems.MEDIA_TYPE)
                answers.append((response.status, await response.json(content_type=response.content_type)))
        return answers

    return asyncio.run(scenario()), appender.records


def test_a_patch_makes_an_account_and_a_get_shows_it_with_its_defaults() -> None:
    (patched, got), (record,) = ask(("PATCH", ACCOUNT, {"country": "ES", "stopped": True}), ("GET", ACCOUNT, None))
    assert patched == got
    status, told = got
    assert (status, told["country"], told["stopped"], told["require_mobile"]) == (200, "ES", True, True)
    assert (told["locale"], told["currency"], told["timezone"]) == ("es-ES", "EUR", "Europe/Madrid")
    assert (told["limits"]["parts"], told["connector"], told["default_subscription"]) == (10, None, "none")
    assert (record.topic, record.partition, record.key) == ("recado.accounts", 0, b"acme")


def test_a_token_goes_in_sealed_and_never_comes_out() -> None:
    connector = {"provider": "instasent", "base_url": "https://api.example.com", "token": TOKEN}
    (_, (_, told)), (record,) = ask(("PATCH", ACCOUNT, {"connector": connector}), ("GET", ACCOUNT, None))
    assert told["connector"] == {"provider": "instasent", "base_url": "https://api.example.com", "token_set": True}
    assert TOKEN.encode() not in record.value
    sealed = orjson.loads(record.value)["data"]["connector"]["token"]["sealed"]
    assert unseal(SECRET, PURPOSE, "acme", sealed) == TOKEN
    assert sealed not in str(told)


def test_what_is_not_read_back_in_time_is_accepted_all_the_same() -> None:
    answers, written = ask(("PATCH", ACCOUNT, {"country": "ES"}), ("PUT", ORDER, {"text": "Hola"}), slow=True)
    assert answers == [(202, {"account": "acme"}), (202, {"account": "acme", "template": "order"})]
    assert len(written) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"colour": "blue"}, "colour"),
        ({"country": "XX"}, "country"),
        ({"connector": {"provider": "instasent", "token": "two words"}}, "connector.token"),
        ({"connector": {"provider": "instasent", "token": {"sealed": "AAAA"}}}, "connector.token"),
        ({"fallback": {"provider": "twilio", "token": {"sealed": "v1.AAAA"}}}, "fallback.token"),
        ({"connector": {"provider": "carrier-pigeon", "token": "x"}}, "connector.provider"),
        ({"quiet_hours": {"newsletter": {"from": "25:00", "to": "09:00"}}}, "quiet_hours.newsletter.from"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ([], ""),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_written(body: Any, field: str) -> None:
    ((status, told),), written = ask(("PATCH", ACCOUNT, body))
    assert (status, told["field"], written) == (400, field, [])
    assert told["rule"]
    assert "two words" not in str(told)


def test_a_template_is_saved_and_shows_its_variables_and_what_it_costs() -> None:
    body = {
        "text": "Hola {{name}}: {{total}}",
        "labels": ["orders"],
        "variables": [NAME, {"id": "total", "name": "Total", "type": "currency"}],
    }
    (_, first, second, got), _ = ask(
        ("PATCH", ACCOUNT, {"country": "ES"}), ("PUT", ORDER, body), ("PUT", ORDER, body), ("GET", ORDER, None)
    )
    assert (first[1]["version"], second[1]["version"]) == (1, 2)
    assert got == second
    told = got[1]
    assert [(v["id"], v["type"], v["times"], v["example"]) for v in told["variables"]] == [
        ("name", "text", 1, "cliente"),
        ("total", "currency", 1, "123,45 €"),
    ]
    assert (told["text"], told["labels"], told["problem"]) == (body["text"], ["orders"], None)
    assert (told["encoding"], told["parts"], told["hints"]) == ("GSM-7", 1, [])


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"text": "Hola {{nmae}}", "variables": [NAME]}, "text", "{{nmae}} in line 1, character 6"),
        ({"text": "Hola\n{{name", "variables": [NAME]}, "text", "'{{name' in line 2, character 1"),
        ({"text": ""}, "text", "at least 1"),
        ({}, "text", "required"),
        ({"text": "x", "variables": [{"id": "a b", "name": "n", "type": "text"}]}, "variables.0.id", "pattern"),
        ({"text": "x", "variables": [{"id": "a", "name": "n", "type": "colour"}]}, "variables.0.type", "'percentage'"),
        ({"text": "x", "variables": [NAME, NAME]}, "", "the same id"),
        ({"text": "x", "template": "other"}, "template", "the name in the path"),
        ({"text": "x", "price": 1}, "price", "unknown"),
    ],
)
def test_a_wrong_template_is_refused_with_field_and_place_and_nothing_is_saved(
    body: dict[str, Any], field: str, rule: str
) -> None:
    ((status, told),), written = ask(("PUT", ORDER, body))
    assert (status, told["field"], written) == (400, field, [])
    assert rule in told["rule"]


def test_a_text_that_gsm_7_cannot_write_is_refused_for_an_account_that_keeps_the_price() -> None:
    (_, (status, told)), _ = ask(
        ("PATCH", ACCOUNT, {"text": {"transliterate": "gsm"}}), ("PUT", ORDER, {"text": "\N{GRINNING FACE}"})
    )
    assert (status, told["field"]) == (400, "text")


def test_what_is_not_there_is_a_problem() -> None:
    answers, _ = ask(("GET", ACCOUNT, None), ("GET", ORDER, None))
    assert [status for status, _ in answers] == [404, 404]


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {api_key(SECRET, 'other')}"}])
def test_without_the_accounts_key_nothing_is_shown_or_written(headers: dict[str, str]) -> None:
    asked = [("GET", ACCOUNT, None), ("PATCH", ACCOUNT, {}), ("GET", ORDER, None), ("PUT", ORDER, {"text": "x"})]
    answers, written = ask(*asked, headers=headers)
    assert [status for status, _ in answers] == [401] * 4
    assert written == []

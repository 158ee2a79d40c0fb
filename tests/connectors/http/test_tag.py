"""The tag's path: from named origins only, at a bounded rate, and what an anonymous visitor may not say."""

import asyncio
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.credentials import read_tag_key, tag_key
from connectors.http import problems
from connectors.http.rate import Rate
from connectors.http.tag import Tag
from connectors.kafka.appender import Appended, MemoryAppender
from connectors.kafka.outbox import Outbox
from events.codec import decode_input
from events.contact import ContactUpdated
from events.examples import SEVEN, SUBJECT
from events.topics import Role

SECRET = b"s" * 32
SHOP = "https://shop.example"
KEY = tag_key(SECRET, "acme", [SHOP, "http://localhost:8000"])
PATH = f"/tag/{KEY}/contacts"
ANA = {"id": "a" * 32, "contact": "ana@example.com", "fields": {"first_name": "Ana"}}


def ask(
    bodies: list[Any], path: str = PATH, origin: str | None = SHOP, method: str = "POST", **given: Any
) -> tuple[list[tuple[int, Any, Any]], list[Appended]]:
    """Requests one after another: status, headers, JSON of each; and what was written."""
    written = MemoryAppender(down=given.pop("down", False))
    headers = {"Content-Type": "application/json"} | ({"Origin": origin} if origin else {}) | given.pop("headers", {})

    async def scenario() -> list[tuple[int, Any, Any]]:
        app = web.Application(middlewares=[problems.middleware])
        app.add_routes(Tag(Outbox(written, "recado.", 8), SECRET, lambda: SEVEN, **given).routes())
        answers = []
        async with TestClient(TestServer(app)) as client:
            for body in bodies:
                response = await client.request(method, path, data=orjson.dumps(body), headers=headers)
                answers.append((response.status, response.headers, await response.read()))
        return answers

    return asyncio.run(scenario()), written.records


def test_what_a_visitor_said_is_an_update_via_tag_with_the_page_as_evidence() -> None:
    consent = {"_mobilePhone": "612 34 56 78", "_smsSubscriptionStatus": "subscribed"}
    body = ANA | {"fields": consent, "evidence": "Send me offers"}
    ((status, headers, _),), (record,) = ask([body])
    assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (202, SHOP, "Origin")
    event = decode_input(Role.CONTACTS, record.value)
    assert isinstance(event.data, ContactUpdated)
    assert (event.subject, event.data.via, event.data.fields) == (SUBJECT, "tag", consent)
    assert event.data.evidence == f"{SHOP}: Send me offers"


def test_what_is_said_twice_with_one_id_is_one_event() -> None:
    _, (one, two, other) = ask([ANA, ANA, ANA | {"id": "b" * 32}])
    assert one == two != other


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://shop.example", SHOP + ":444"])
def test_other_origins_are_refused_in_preflight_and_in_earnest(origin: str | None) -> None:
    for method in ("POST", "OPTIONS"):
        ((status, headers, _),), written = ask([ANA], origin=origin, method=method)
        assert (status, written) == (403, [])
        assert "Access-Control-Allow-Origin" not in headers


def test_the_preflight_allows_a_post_of_json() -> None:
    ((status, headers, _),), _ = ask([ANA], method="OPTIONS")
    assert (status, headers["Access-Control-Allow-Methods"]) == (204, "POST")
    assert headers["Access-Control-Allow-Headers"] == "content-type"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fields": {"_mobilePhoneStatus": "active"}}, "_mobilePhoneStatus"),
        ({"fields": {"_mobilePhone": None}}, "_mobilePhone"),
        ({"fields": {"_smsSubscriptionStatus": "none"}}, "_smsSubscriptionStatus"),
        ({"fields": {"_smsSubscriptionStatus": None}}, "_smsSubscriptionStatus"),
        ({"fields": {"_smsSubscriptionStatus": "subscribed", "_mobilePhone": "612"}}, "_smsSubscriptionStatus"),
        ({"fields": {"_smsSubscriptionStatus": "subscribed"}, "evidence": "words"}, "_smsSubscriptionStatus"),
        ({"fields": {}}, "fields"),
        ({"fields": {f"f{n}": n for n in range(33)}}, "fields"),
        ({"evidence": "x" * 701}, "evidence"),
        ({"contact": "a/b"}, "contact"),
        ({"contact": ""}, "contact"),
        ({"id": "short"}, "id"),
        ({"via": "edit"}, "via"),
    ],
)
def test_what_a_stranger_could_misuse_is_refused_and_named(change: dict[str, Any], field: str) -> None:
    ((status, headers, content),), written = ask([ANA | change])
    assert (status, orjson.loads(content)["field"], written) == (400, field, [])
    assert headers["Access-Control-Allow-Origin"] == SHOP  # so that the page can show why


def test_an_opt_out_needs_no_evidence() -> None:
    _, (record,) = ask([ANA | {"fields": {"_smsSubscriptionStatus": "unsubscribed"}}])
    assert b"unsubscribed" in record.value


def test_who_says_too_much_is_told_to_wait() -> None:
    answers, written = ask([ANA] * 3, per_address=Rate(2, 3_000))
    assert [status for status, _, _ in answers] == [202, 202, 429]
    assert answers[2][1]["Retry-After"] == "3"
    assert len(written) == 2


def test_an_address_is_believed_from_our_own_proxies_only() -> None:
    forged = {"X-Forwarded-For": "1.1.1.1, 2.2.2.2"}
    assert ask([ANA] * 2, per_address=Rate(1, 3_000), headers=forged)[0][1][0] == 429
    for proxies, other in ((1, "9.9.9.9, 2.2.2.2"), (2, "1.1.1.1, 9.9.9.9")):
        rate = Rate(1, 3_000)
        assert ask([ANA], per_address=rate, proxies=proxies, headers=forged)[0][0][0] == 202
        assert ask([ANA], per_address=rate, proxies=proxies, headers={"X-Forwarded-For": other})[0][0][0] == 429


def test_what_is_not_durable_is_not_accepted_and_not_json_is_refused() -> None:
    assert ask([ANA], down=True)[0][0][0] == 503
    assert ask([ANA], headers={"Content-Type": "text/plain"})[0][0][0] == 415
    assert ask([ANA | {"evidence": "x" * 20_000}])[0][0][0] == 413


def test_the_script_is_served_for_a_key_of_ours_only() -> None:
    ((status, headers, content),), _ = ask([None], path=f"/tag/{KEY}.js", method="GET", origin=None)
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert b"window.recado" in content
    assert ask([None], path="/tag/tag.acme.eA.AAAA.js", method="GET")[0][0][0] == 404


def test_a_tag_key_says_its_account_and_origins_and_opens_nothing_when_changed() -> None:
    assert read_tag_key(SECRET, KEY) == ("acme", frozenset({SHOP, "http://localhost:8000"}))
    assert read_tag_key(b"t" * 32, KEY) is None
    assert read_tag_key(SECRET, KEY, generation=2) is None
    assert read_tag_key(SECRET, KEY.replace("acme", "other")) is None


@forall(st.text(max_size=100))
def test_no_other_text_is_a_tag_key(text: str) -> None:
    assert read_tag_key(SECRET, text) is None
    assert read_tag_key(SECRET, f"tag.acme.{text}") is None


@forall(st.lists(st.integers(0, 500), max_size=200))
def test_a_rate_lets_through_its_burst_and_then_one_each_time(pauses: list[int]) -> None:
    rate, now, allowed = Rate(5, 100), 0, 0
    for pause in pauses:
        now += pause
        wait = rate.wait("someone", now)
        allowed += not wait
        assert allowed <= 5 + now // 100 + 1
        assert 0 <= wait <= 100


def test_a_rate_forgets_the_one_unseen_for_longest() -> None:
    rate = Rate(1, 10**9)
    assert rate.wait("first", 0) == 0
    assert rate.wait("first", 0) > 0
    for n in range(10_000):
        rate.wait(f"other {n}", 0)
    assert rate.wait("first", 0) == 0

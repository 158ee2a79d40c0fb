"""Instasent's list: what is read of it, and that nothing in it is believed blindly."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors import simulator
from connectors.carriers.base import NOT_SAID, Listed, NotListed, Page, RateHeaders
from connectors.carriers.connections import Connections
from connectors.carriers.instasent import Instasent
from connectors.carriers.listing import read_message, read_page
from connectors.simulator import Config, Token

ENTITY: dict[str, Any] = {
    "id": "a1", "clientId": "c1", "status": "delivered", "statusCode": 0, "createdAt": "2026-11-23T07:00:00Z",
}  # fmt: skip
LISTED = Listed("c1", "a1", "delivered", 0, 1_795_417_200_000)


def page(body: Any, status: int = 200, number: int = 1) -> Page | NotListed:
    return read_page(status, NOT_SAID, body if isinstance(body, bytes) else orjson.dumps(body), number)


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({}, LISTED),
        ({"id": 7}, Listed("c1", "7", "delivered", 0, LISTED.created_at)),
        ({"clientId": None}, Listed(None, "a1", "delivered", 0, LISTED.created_at)),
        ({"clientId": ["c1"]}, Listed(None, "a1", "delivered", 0, LISTED.created_at)),
        ({"status": None}, Listed("c1", "a1", None, 0, LISTED.created_at)),
        ({"status": "a\u0000b"}, Listed("c1", "a1", None, 0, LISTED.created_at)),
        ({"status": "x" * 65}, Listed("c1", "a1", None, 0, LISTED.created_at)),
        ({"statusCode": "3"}, Listed("c1", "a1", "delivered", None, LISTED.created_at)),
        ({"statusCode": 2**31}, Listed("c1", "a1", "delivered", None, LISTED.created_at)),
        ({"statusCode": True}, Listed("c1", "a1", "delivered", None, LISTED.created_at)),
        ({"createdAt": "yesterday"}, Listed("c1", "a1", "delivered", 0, None)),
        ({"createdAt": None, "sentAt": "2026-11-23T07:00:00Z"}, LISTED),
    ],
)
def test_of_an_entity_is_taken_what_can_be_read(changes: dict[str, Any], listed: Listed) -> None:
    assert page({"entities": [ENTITY | changes]}) == Page((listed,), "2")


@pytest.mark.parametrize("entity", [None, 7, [], "c1", {}, {"id": ""}, {"id": None}, {"id": True}, {"id": "x" * 257}])
def test_what_is_no_message_is_passed_over(entity: Any) -> None:
    assert page({"entities": [entity, ENTITY]}) == Page((LISTED,), "2")


def test_an_empty_page_is_the_end_and_a_page_of_rubbish_is_not() -> None:
    assert page({"entities": []}, number=4) == Page((), None)
    assert page({"entities": [7]}, number=4) == Page((), "5")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"{}", {"entities": None}, {"entities": {}}, {"entity": ENTITY}]
)
def test_what_is_no_list_says_nothing(body: Any) -> None:
    assert page(body) == NotListed("the list cannot be read")


@pytest.mark.parametrize(
    ("status", "scope"),
    [(429, "rate"), (401, "account"), (402, "account"), (403, "account"), (404, "account"), (301, "account"),
     (500, "connection"), (503, "connection"), (201, "connection"), (204, "connection")],
)  # fmt: skip
def test_a_status_other_than_200_says_nothing_of_any_message(status: int, scope: str) -> None:
    rate = RateHeaders(10, 0, 5)
    answer = read_page(status, rate, orjson.dumps({"entities": [ENTITY]}), 1)
    assert isinstance(answer, NotListed)
    assert (answer.scope, answer.rate) == (scope, rate)


@pytest.mark.parametrize("body", [{"entity": ENTITY}, ENTITY])
def test_one_message_lies_in_an_entity_or_at_the_top(body: Any) -> None:
    assert read_message(200, NOT_SAID, orjson.dumps(body)) == Page((LISTED,))


def test_an_unknown_message_is_nowhere_and_an_unreadable_one_says_nothing() -> None:
    assert read_message(404, NOT_SAID, b"") == Page(())
    assert isinstance(read_message(200, NOT_SAID, b"{"), NotListed)
    assert isinstance(read_message(200, NOT_SAID, None), NotListed)


@forall(st.integers(100, 599), st.binary() | st.builds(orjson.dumps, st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["entities", "entity", "id", "clientId", "status", "statusCode", "createdAt"]), inner),
)))  # fmt: skip
def test_no_body_whatever_breaks_the_reading(status: int, content: bytes) -> None:
    assert isinstance(read_page(status, NOT_SAID, content, 1), Page | NotListed)
    assert isinstance(read_message(status, NOT_SAID, content), Page | NotListed)


@dataclass(frozen=True)
class Call:
    client_id: str = "1-1-abcdefghijklmnop-qrstuvwxyz"
    to: str = "+34600000001"
    sender: str = "Acme"
    text: str = "Hola"


def listed_of(modes: dict[str, Any], pages: int = 1) -> list[Page | NotListed]:
    """What the simulator lists of three messages, in these modes."""

    async def scenario() -> list[Page | NotListed]:
        config = Config.model_validate({"tokens": (Token(token="t0k3n"),), "modes": modes, "journey": []})
        async with simulator.running(config) as running, Connections() as connections:
            carrier = Instasent(connections, "t0k3n", running.url)
            for n in range(3):
                await carrier.send(Call(f"c-{n}"), allow_unicode=False)
            found: list[Page | NotListed] = []
            cursor: str | None = None
            for _ in range(pages):
                answer = await carrier.page(cursor, 0)
                found.append(answer)
                cursor = answer.following if isinstance(answer, Page) else None
            return found

    return asyncio.run(scenario())


def client_ids(answers: list[Page | NotListed]) -> list[list[str | None]]:
    return [[item.client_id for item in answer.items] for answer in answers if isinstance(answer, Page)]


def test_pages_are_walked_however_small_the_provider_makes_them() -> None:
    assert client_ids(listed_of({"list_page": 2}, 3)) == [["c-2", "c-1"], ["c-0"], []]


def test_new_messages_that_show_up_late_are_not_there_yet() -> None:
    assert client_ids(listed_of({"list_lag": 3_600})) == [[]]


def test_a_list_without_client_ids_is_read_and_names_nobody() -> None:
    assert client_ids(listed_of({"list_client_ids": False})) == [[None, None, None]]


@pytest.mark.parametrize("provider_id", ["", "..", "a/b", "a?b", "a#b", "a%2fb", "x" * 257, "á"])
def test_an_id_that_would_change_the_path_is_not_asked_for(provider_id: str) -> None:
    async def scenario() -> Page | NotListed:
        async with Connections() as connections:
            return await Instasent(connections, "t0k3n", "http://instasent.invalid").look_up(provider_id)

    assert asyncio.run(scenario()) == Page(())

"""Twilio's carrier: what it says on the wire, what an answer means, and what of a list is believed."""

import asyncio
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors import simulator
from connectors.carriers.base import Accepted, Answer, Listed, NotListed, Page, Refused, Unknown
from connectors.carriers.connections import Connections
from connectors.carriers.twilio import Twilio
from connectors.carriers.twilio_verdict import cursor, judge, read_message, read_page
from connectors.simulator import Config, Token
from connectors.tokens import TwilioAccess, twilio_access
from events.likeness import likeness
from tests.connectors.carriers.test_instasent import Call, peer, replies

SID, KEY = "AC" + "0a" * 16, "SK" + "1b" * 16
TOKEN = f"{SID}:s3cr3t"
CALLBACKS = "https://sms.example.com/callbacks/twilio/acme/cb_x"
HIDDEN = {"s3cr3t": "[token]", "+34600000001": "[number]"}
MESSAGE: dict[str, Any] = {
    "sid": "SM1", "to": "+34600000001", "from": "Acme", "body": "Hola", "status": "delivered", "error_code": None,
    "direction": "outbound-api", "date_created": "Mon, 23 Nov 2026 07:00:00 +0000",
}  # fmt: skip
LISTED = Listed(None, "SM1", "delivered", None, 1_795_417_200_000, likeness("+34600000001", "Hola"))


def heard(status: int, body: Any = b"") -> Answer:
    return judge(status, body if isinstance(body, bytes) else orjson.dumps(body), None, hidden=HIDDEN)


def test_what_goes_over_the_wire_is_a_form_with_basic_auth_and_our_id_in_the_address_to_call_back() -> None:
    async def scenario() -> bytes:
        answer = b"HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n" + b'{"sid":"SM1"}'
        async with peer(replies(answer)) as present, Connections() as connections:
            carrier = Twilio(connections, TOKEN, present.url, CALLBACKS)
            assert await carrier.send(Call(text="Año & más"), allow_unicode=True) == Accepted("SM1")
            return present.requests[0]

    head, _, body = asyncio.run(scenario()).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1"
    assert f"Authorization: Basic {b64encode(TOKEN.encode()).decode()}" in lines
    assert "Content-Type: application/x-www-form-urlencoded" in lines
    assert parse_qs(body.decode()) == {
        "To": ["+34600000001"], "From": ["Acme"], "Body": ["Año & más"], "SmartEncoded": ["false"],
        "StatusCallback": [f"{CALLBACKS}/{Call().client_id}"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("token", "access"),
    [
        (TOKEN, TwilioAccess(SID, SID, "s3cr3t")),
        (f"{SID}:{KEY}:s3cr3t", TwilioAccess(SID, KEY, "s3cr3t")),
        ("s3cr3t", None),
        (f"{SID}", None),
        (f"{SID}:", None),
        (f"{SID}:a b", None),
        (f"{SID}:{KEY}:", None),
        (f"{SID}:{KEY}:a:b", None),
        (f"{SID[:-1]}:s3cr3t", None),
        (f"{SID}/..:s3cr3t", None),
    ],
)
def test_a_token_names_the_account_and_who_asks(token: str, access: TwilioAccess | None) -> None:
    assert twilio_access(token) == access


def test_a_token_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="account SID and auth token") as refused:
        Twilio(Connections(), "pl4in", "https://api.twilio.com", CALLBACKS)
    assert "pl4in" not in str(refused.value)
    assert "s3cr3t" not in repr(Twilio(Connections(), TOKEN, "https://api.twilio.com", CALLBACKS))
    assert "cb_x" not in repr(Twilio(Connections(), TOKEN, "https://api.twilio.com", CALLBACKS))


REFUSALS = [
    (400, {"code": 21211, "message": "Invalid 'To' Phone Number"}, True, "message"),
    (400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient"}, True, "message"),
    (403, {"code": 21408, "message": "Permission to send to this region is missing"}, True, "message"),
    (400, {"code": 20005, "message": "Account not active"}, False, "account"),
    (400, {"code": 99999, "message": "new"}, True, "request"),
    (400, b"", True, "request"),
    (401, {"code": 20003, "message": "Authenticate"}, False, "account"),
    (402, b"", False, "account"),
    (403, b"", False, "account"),
    (404, {"code": 20404, "message": "not found"}, False, "account"),
    (413, b"", True, "message"),
    (429, {"code": 20429, "message": "Too Many Requests"}, False, "rate"),
    (429, b"", False, "rate"),
    (301, b"", False, "account"),
    (418, b"[]", True, "request"),
]


@pytest.mark.parametrize(("status", "body", "final", "scope"), REFUSALS)
def test_a_refusal_says_what_is_at_fault(status: int, body: Any, final: bool, scope: str) -> None:
    answer = heard(status, body)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.final, answer.scope) == (status, final, scope)
    assert answer.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", {}, {"sid": None}, {"sid": ""}, {"sid": {"a": 1}}])
def test_a_positive_answer_without_a_sid_leaves_the_outcome_unknown(body: Any) -> None:
    assert isinstance(heard(201, body), Unknown)


@pytest.mark.parametrize("status", [500, 502, 503, 303, 600, 199])
def test_a_server_s_error_leaves_the_outcome_unknown(status: int) -> None:
    assert heard(status, {"sid": "SM1", "code": 21211}) == Unknown("server_error", f"HTTP {status}")


def test_what_is_said_holds_neither_password_nor_number() -> None:
    answer = heard(400, {"code": 21211, "message": "s3cr3t: the number +34600000001\x00 is not valid"})
    assert isinstance(answer, Refused)
    assert answer.message == "[token]: the number [number]  is not valid (error 21211)"


def test_a_page_is_read_and_names_the_next_by_number_and_token_alone() -> None:
    body = {"messages": [MESSAGE], "next_page_uri": "/2010-04-01/x?PageSize=50&Page=1&PageToken=PASM1"}
    assert read_page(200, orjson.dumps(body)) == Page((LISTED,), "1.PASM1")
    assert cursor("1.PASM1") == ("1", "PASM1")


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        7,
        "https://evil.example/?Page=1",
        "/x?Page=1&PageToken=a%2Fb",
        "/x?Page=a&PageToken=PA",
        "http://[",
        "?",
    ],
)
def test_an_address_that_names_no_page_is_the_end(uri: Any) -> None:
    assert read_page(200, orjson.dumps({"messages": [], "next_page_uri": uri})) == Page(())


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({"direction": "inbound"}, None),
        ({"sid": None}, None),
        ({"error_code": 30005}, LISTED.__class__(None, "SM1", "delivered", 30005, LISTED.created_at, LISTED.likeness)),
        ({"body": None}, Listed(None, "SM1", "delivered", None, LISTED.created_at, None)),
        ({"date_created": "x"}, Listed(None, "SM1", "delivered", None, None, LISTED.likeness)),
        ({"status": 7}, Listed(None, "SM1", None, None, LISTED.created_at, LISTED.likeness)),
    ],
)
def test_of_a_message_is_taken_what_can_be_read(changes: dict[str, Any], listed: Listed | None) -> None:
    body = orjson.dumps({"messages": [MESSAGE | changes, "rubbish", None]})
    assert read_page(200, body) == Page(() if listed is None else (listed,))


@forall(st.integers(100, 599), st.binary() | st.builds(orjson.dumps, st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["messages", "next_page_uri", *MESSAGE, "code", "message"]), inner),
)))  # fmt: skip
def test_no_body_whatever_breaks_the_reading(status: int, content: bytes) -> None:
    assert isinstance(judge(status, content, None, hidden=HIDDEN), Accepted | Refused | Unknown)
    assert isinstance(read_page(status, content), Page | NotListed)
    assert isinstance(read_message(status, content), Page | NotListed)


@pytest.mark.parametrize("provider_id", ["", "..", "SM1", "SM" + "0" * 33, "a/b"])
def test_an_id_that_is_none_of_twilio_s_is_not_asked_for(provider_id: str) -> None:
    async def scenario() -> Page | NotListed:
        async with Connections() as connections:
            return await Twilio(connections, TOKEN, "http://twilio.invalid", CALLBACKS).look_up(provider_id)

    assert asyncio.run(scenario()) == Page(())


def test_the_list_is_asked_from_a_day_on_and_page_by_page() -> None:
    async def scenario() -> list[int]:
        config = Config.model_validate({"tokens": [Token(token=TOKEN)], "journey": (), "modes": {"list_page": 2}})
        async with simulator.running(config) as running, Connections() as connections:
            carrier = Twilio(connections, TOKEN, running.root, CALLBACKS)
            for n in range(3):
                await carrier.send(Call(client_id=f"c-{n}"), allow_unicode=False)
            sizes, at = [], None
            for _ in range(2):
                page = await carrier.page(at, running.provider.now())
                assert isinstance(page, Page)
                sizes.append(len(page.items))
                at = page.following
            late = await carrier.page(None, running.provider.now() + 2 * 86_400_000)
            assert late == Page((), late.following) if isinstance(late, Page) else False
            assert at is None
            return sizes

    assert asyncio.run(scenario()) == [2, 1]

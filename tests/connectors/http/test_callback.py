"""A callback's body as an event: what is documented, what others send, and anything at all."""

from base64 import b64decode
from typing import Any

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.http.callback import event, read
from events import envelope, instant
from events.callback import CallbackReceived
from events.codec import decode_input
from events.envelope import Undecodable
from events.topics import Role

NOW = instant.parse("2030-01-01T12:00:00Z")
RECEIPT = {
    "id": "sms-id",
    "clientId": "custom-id",
    "status": "delivered",
    "code": 0,
    "eventAt": "2026-04-21T10:15:00Z",
}


def event_id(body: Any, at: int = NOW) -> str:
    return decode_input(Role.CALLBACKS, event("acme", orjson.dumps(body), at).value).id


def test_the_documented_receipt_is_read_whole() -> None:
    assert read(orjson.dumps(RECEIPT), NOW) == CallbackReceived(
        provider="instasent",
        received_at=NOW,
        client_id="custom-id",
        provider_id="sms-id",
        status="delivered",
        code=0,
        event_at=instant.parse("2026-04-21T10:15:00Z"),
    )


def test_its_event_is_of_the_account_and_says_where_it_comes_from() -> None:
    received = decode_input(Role.CALLBACKS, event("acme", orjson.dumps(RECEIPT), NOW).value)
    assert (received.subject, received.account, received.contact) == ("acme", "acme", "")
    assert (received.source, received.time) == ("/instasent/acme", NOW)
    assert received.data == read(orjson.dumps(RECEIPT), NOW)


def test_a_form_is_read_with_its_numbers_as_text() -> None:
    form = b"id=sms-id&clientId=custom-id&status=failed&code=-17&eventAt=2026-04-21T10%3A15%3A00Z&message=Baja+ya"
    received = read(form, NOW)
    assert (received.provider_id, received.client_id, received.status) == ("sms-id", "custom-id", "failed")
    assert (received.code, received.message, received.raw) == (-17, "Baja ya", None)
    assert received.event_at == instant.parse("2026-04-21T10:15:00Z")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": 17}, {"provider_id": "17"}),
        ({"clientId": None}, {"client_id": None}),
        ({"clientId": ""}, {"client_id": None}),
        ({"code": "12"}, {"code": 12}),
        ({"code": None}, {"code": None}),
        ({"code": "E12"}, {"code": None}),
        ({"code": True}, {"code": None}),
        ({"code": [1]}, {"code": None}),
        ({"code": 2**40}, {"code": None}),
        ({"eventAt": None}, {"event_at": None}),
        ({"eventAt": "yesterday"}, {"event_at": None}),
        ({"eventAt": 1_700_000_000}, {"event_at": None}),
        ({"status": None, "message": "Baja"}, {"status": None, "message": "Baja"}),
        ({"price": {"more": 1}}, {"status": "delivered"}),
    ],
)
def test_a_receipt_counts_without_what_it_does_not_need(change: dict[str, Any], expected: dict[str, Any]) -> None:
    received = read(orjson.dumps(RECEIPT | change), NOW)
    assert {name: getattr(received, name) for name in expected} == expected
    assert received.raw is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"null",
        b"[1]",
        b"{}",
        b'{"status":7.5}',
        b'{"status":["delivered"]}',
        b'{"id":"x","clientId":"y"}',
        b'{"status":"' + b"x" * 300 + b'"}',
        b"a=1&b=2",
        b"status",
        b"status=%ff",
        b"[" * 65_536,
        b"&".join(b"a=1" for _ in range(500)) + b"&status=delivered",
    ],
)
def test_a_body_that_cannot_be_read_is_kept_as_it_came(body: bytes) -> None:
    received = read(body, NOW)
    assert received.raw == body.decode()
    assert (received.status, received.client_id, received.provider_id, received.message) == (None, None, None, None)


@pytest.mark.parametrize(
    "unfit", ["\\ud83d", "\\u0000", "\\u001b", "\\udc00\\ud83d"], ids=["half an emoji", "NUL", "escape", "halves"]
)
def test_a_reply_with_what_is_no_character_is_a_reply_all_the_same(unfit: str) -> None:
    """A lost opt-out is worse than a letter less."""
    body = f'{{"clientId": "c1", "status": "stop", "message": "BAJA {unfit}"}}'.encode()
    found = read(body, NOW)
    assert (found.raw, found.status, found.client_id) == (None, "stop", "c1")
    assert found.message is not None
    assert found.message.rstrip("\ufffd") == "BAJA "


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a\x00b", bytes(range(256)) * 256])
def test_bytes_that_are_no_text_are_kept_in_base64(body: bytes) -> None:
    raw = read(body, NOW).raw
    assert raw is not None
    assert raw.startswith("base64:")
    assert b64decode(raw.removeprefix("base64:")) == body


def test_the_same_receipt_again_is_the_same_event_whenever_it_comes() -> None:
    assert event_id(RECEIPT) == event_id(RECEIPT, NOW + 1) == event_id(RECEIPT | {"price": 3})
    assert event_id({"not": "readable"}) == event_id({"not": "readable"}, NOW + 1)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"clientId": "other"},
        {"status": "sent"},
        {"code": 1},
        {"eventAt": "2026-04-21T10:15:01Z"},
        {"message": "Baja"},
    ],
)
def test_another_receipt_is_another_event(change: dict[str, Any]) -> None:
    assert event_id(RECEIPT) != event_id(RECEIPT | change)


def test_what_stands_in_one_field_is_not_mistaken_for_another() -> None:
    assert event_id({"status": "a", "id": "b"}) != event_id({"status": "b", "id": "a"})


@pytest.mark.parametrize("said", [{"status": "STOP"}, {"status": " stop "}, {"message": "BAJA"}])
def test_an_opt_out_without_a_time_is_never_taken_for_an_earlier_one(said: dict[str, str]) -> None:
    stop = {"clientId": "custom-id", **said}
    assert event_id(stop) != event_id(stop, NOW + 1)
    timed = stop | {"eventAt": "2026-04-21T10:15:00Z"}
    assert event_id(timed) == event_id(timed, NOW + 1)


def test_what_is_no_account_has_no_event() -> None:
    with pytest.raises(Undecodable):
        event("Not An Account", b"{}", NOW)


FIELDS = st.dictionaries(
    st.sampled_from(["id", "clientId", "status", "code", "eventAt", "message"]),
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=400),
)


@forall(
    st.binary(max_size=2_000)
    | st.text(max_size=800).map(lambda t: t.encode("utf-8", "surrogatepass"))
    | FIELDS.map(orjson.dumps)
)
def test_any_body_makes_an_event_that_can_be_read_again(body: bytes) -> None:
    made = event("acme", body, NOW)
    received = decode_input(Role.CALLBACKS, made.value)
    assert received.data == made.callback
    assert (made.callback.raw is None) == (made.callback.status is not None or made.callback.message is not None)


@pytest.mark.parametrize("unit", [b"\x01", b"\xff", b'"', b"\\", "ñ".encode(), "\u2028".encode()])
def test_the_largest_body_makes_an_event_within_the_limit(unit: bytes) -> None:
    body = unit * (65_536 // len(unit))
    escaped = orjson.dumps({"status": "sent", "message": "\x01" * 10_000})
    assert len(event("acme", body, NOW).value) <= envelope.LIMIT
    assert len(event("acme", b"status=x&message=" + b"%01" * 21_000, NOW).value) <= envelope.LIMIT
    assert len(event("acme", escaped, NOW).value) <= envelope.LIMIT
    form = b"status=x&message=" + unit * (65_000 // len(unit))
    assert len(event("acme", form, NOW).value) <= envelope.LIMIT

"""What strangers send is read, or refused with a reason that a person understands and that gives nothing away."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import codec, envelope, examples
from events.contact import ContactUpdated
from events.envelope import Input, Undecodable
from events.send import SendRequested
from events.topics import BY_ROLE, Role

ROLES = sorted(Role)
ROLE_OF = {type_: role for role in (Role.JOURNAL, *ROLES) if role is not Role.JOURNAL for type_ in BY_ROLE[role].types}
UPDATE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "0b7c",
    "source": "/shop/checkout",
    "type": "recado.contact.updated.v1",
    "subject": "acme/ana@example.com",
    "time": "2026-11-23T07:00:00Z",
    "data": {"via": "edit", "fields": {"city": "Vigo"}},
}
SEND: dict[str, Any] = UPDATE | {
    "type": "recado.send.requested.v1",
    "data": {"to": "contact", "sender": "Acme", "text": "Hola"},
}


def refused(value: bytes | None, role: Role = Role.CONTACTS) -> Undecodable:
    with pytest.raises(Undecodable) as caught:
        codec.decode_input(role, value)
    return caught.value


def changed(document: dict[str, Any], **attributes: object) -> bytes:
    return orjson.dumps(document | attributes)


@pytest.mark.parametrize("event", examples.INPUTS, ids=lambda event: event.id)
def test_every_example_is_read_as_it_was_written(event: Input) -> None:
    assert codec.decode_input(ROLE_OF[event.type], codec.encode_input(event)) == event


def test_an_update_is_read() -> None:
    event = codec.decode_input(Role.CONTACTS, changed(UPDATE, dataschema="x", traceparent={"any": "thing"}))
    assert event == Input(
        "0b7c",
        "/shop/checkout",
        "recado.contact.updated.v1",
        "acme/ana@example.com",
        "acme",
        "ana@example.com",
        examples.SEVEN,
        ContactUpdated(via="edit", fields={"city": "Vigo"}),
    )
    assert event.extensions == {}


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e18, max_value=1e18)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
)
names = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=30).filter(
    lambda name: name.isprintable() and name[0] != "_"
)


@given(st.dictionaries(names, scalars, max_size=12), st.none() | st.text("abc \n", max_size=20))
def test_any_update_comes_back_as_it_went(fields: dict[str, Any], evidence: str | None) -> None:
    data = ContactUpdated(via="import", fields=fields, evidence=evidence)
    event = Input.of(data, id="1", source="/import", subject="acme/x", time=examples.SEVEN)
    assert codec.decode_input(Role.CONTACTS, codec.encode_input(event)) == event


@given(st.dictionaries(names, scalars, max_size=8), st.lists(names, max_size=5), st.none() | st.integers(0, 10**13))
def test_any_send_request_comes_back_as_it_went(
    variables: dict[str, Any], labels: list[str], not_before: int | None
) -> None:
    data = SendRequested(
        to="contact", sender="Acme", text="x", variables=variables, labels=labels, not_before=not_before
    )
    event = Input.of(data, id="1", source="/shop", subject="acme/x", time=examples.SEVEN)
    assert codec.decode_input(Role.NEWSLETTER, codec.encode_input(event)) == event
    assert SendRequested.of_json(data.as_json()) == data


def test_what_was_absent_stays_absent() -> None:
    written = orjson.loads(codec.encode_input(codec.decode_input(Role.TRANSACTIONAL, changed(SEND))))
    assert written["data"] == SEND["data"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_json"),
        (b"", "not_json"),
        (b" ", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"id":NaN}', "not_json"),
        (b'{"id":"\\ud800"}', "not_json"),
        (b"[1,2,3]", "envelope"),
        (b"null", "envelope"),
        (b"{}", "envelope"),
        (b" " * (envelope.LIMIT + 1), "too_large"),
        (b" " * envelope.LIMIT, "not_json"),
    ],
    ids=range(13),
)
def test_what_is_no_event_at_all_is_refused(value: bytes | None, reason: str) -> None:
    assert refused(value).reason == reason


@pytest.mark.parametrize(
    ("attributes", "reason", "told"),
    [
        ({"id": ""}, "envelope", "id"),
        ({"id": None}, "envelope", "id"),
        ({"id": 7}, "envelope", "id"),
        ({"id": "x" * 257}, "envelope", "256"),
        ({"id": "a\nb"}, "envelope", "printable"),
        ({"source": "x" * 513}, "envelope", "512"),
        ({"source": "a\0"}, "envelope", "printable"),
        ({"specversion": "0.3"}, "envelope", "specversion"),
        ({"specversion": 1.0}, "envelope", "specversion"),
        ({"time": "yesterday"}, "envelope", "'yesterday'"),
        ({"time": "2026-11-23T07:00:00"}, "envelope", "offset"),
        ({"time": 1795417200}, "envelope", "time"),
        ({"data": None}, "envelope", "data"),
        ({"data": []}, "schema", "data"),
        ({"type": ["x"]}, "envelope", "type"),
        ({"type": "recado.contact.updated.v2"}, "type_unknown", "recado.contact.updated.v1 only"),
        ({"type": "com.example.other"}, "type_unknown", "recado.send.requested.v1"),
        ({"type": "recado.send.requested.v1"}, "topic", "sends.newsletter and sends.transactional, not in contacts"),
        ({"type": "recado.account.configured.v1"}, "topic", "accounts"),
        ({"type": "recado.phone.changed.v1"}, "type_unknown", "reads"),
        ({"subject": "no-slash"}, "subject", "account/contact"),
        ({"subject": "acme/"}, "subject", "contact"),
        ({"subject": "/x"}, "subject", "account"),
        ({"subject": "Acme/x"}, "subject", "a-z"),
        ({"subject": "acme/a/b"}, "subject", "without /"),
        ({"subject": "acme/" + "x" * 129}, "subject", "128"),
        ({"subject": "acme/a\u200bb"}, "subject", "printable"),
        ({"subject": "a" * 41 + "/x"}, "subject", "40"),
    ],
)
def test_an_envelope_that_breaks_a_rule_is_refused(attributes: dict[str, Any], reason: str, told: str) -> None:
    undecodable = refused(changed(UPDATE, **attributes))
    assert undecodable.reason == reason
    assert told in undecodable.detail


def test_an_account_event_needs_an_account_alone() -> None:
    value = changed(UPDATE, type="recado.account.configured.v1", data={"country": "ES"})
    assert refused(value, Role.ACCOUNTS).reason == "subject"


def test_an_erasure_does_not_belong_in_the_journal() -> None:
    value = changed(UPDATE, type="recado.contact.erased.v1", data={"reason": "asked"})
    assert refused(value, Role.JOURNAL).reason == "topic"
    assert codec.decode_unrouted(value)[0] is Role.CONTACTS


class TestClass:
    def test_it_may_repeat_the_topic(self) -> None:
        event = codec.decode_input(Role.NEWSLETTER, changed(SEND, **{"class": "newsletter"}))
        assert event.extensions == {"class": "newsletter"}
        assert orjson.loads(codec.encode_input(event))["class"] == "newsletter"

    @pytest.mark.parametrize("said", ["transactional", "urgent", 1, ["newsletter"]])
    def test_it_may_not_contradict_the_topic(self, said: object) -> None:
        assert refused(changed(SEND, **{"class": said}), Role.NEWSLETTER).reason == "class"

    def test_null_is_as_good_as_absent(self) -> None:
        assert codec.decode_input(Role.NEWSLETTER, changed(SEND, **{"class": None})).extensions == {}
        assert codec.decode_unrouted(changed(SEND, **{"class": None}), "newsletter")[0] is Role.NEWSLETTER

    def test_it_decides_where_no_topic_is_named(self) -> None:
        assert codec.decode_unrouted(changed(SEND, **{"class": "transactional"}))[0] is Role.TRANSACTIONAL
        assert codec.decode_unrouted(changed(SEND), "newsletter")[0] is Role.NEWSLETTER
        assert codec.decode_unrouted(changed(UPDATE), "newsletter")[0] is Role.CONTACTS

    @pytest.mark.parametrize(
        ("attributes", "given_"),
        [
            ({}, None),
            ({"class": None}, None),
            ({"class": "urgent"}, None),
            ({"class": "newsletter"}, "transactional"),
            ({"class": {}}, None),
        ],
    )
    def test_said_nowhere_or_in_two_ways_it_is_refused(self, attributes: dict[str, Any], given_: Any) -> None:
        with pytest.raises(Undecodable) as caught:
            codec.decode_unrouted(changed(SEND, **attributes), given_)
        assert caught.value.reason == "class"


@pytest.mark.parametrize("event", [event for event in examples.INPUTS if BY_ROLE[ROLE_OF[event.type]].internal])
def test_nobody_may_publish_what_recado_alone_writes(event: Input) -> None:
    with pytest.raises(Undecodable) as caught:
        codec.decode_unrouted(codec.encode_input(event))
    assert caught.value.reason == "topic"


def test_a_send_without_a_name_of_its_own_takes_the_events_id_if_that_is_short_enough() -> None:
    assert codec.decode_input(Role.NEWSLETTER, changed(SEND, id="x" * 64)).data == SendRequested.of_json(SEND["data"])
    undecodable = refused(changed(SEND, id="x" * 65), Role.NEWSLETTER)
    assert undecodable.reason == "schema"
    assert "send_id" in undecodable.detail


@given(st.sampled_from(ROLES), st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_but_undecodable(role: Role, value: bytes) -> None:
    for decode in (lambda: codec.decode_input(role, value), lambda: codec.decode_fact(value)):
        with pytest.raises(Undecodable):
            decode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


def spots(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(spot for step, inner in steps for spot in spots(inner, (*path, step)))]


@given(st.data(), st.sampled_from(examples.INPUTS), json_values)
def test_an_example_with_anything_anywhere_in_it_is_read_or_refused(
    data: st.DataObject, event: Input, surprise: Any
) -> None:
    document = orjson.loads(codec.encode_input(event))
    *way, last = data.draw(st.sampled_from(spots(document)[1:]))
    inner = document
    for step in way:
        inner = inner[step]
    inner[last] = surprise
    try:
        value = orjson.dumps(document)
    except orjson.JSONEncodeError:
        return  # surrogates, or integers beyond 64 bits, which orjson cannot write
    try:
        read = codec.decode_input(ROLE_OF[event.type], value)
    except Undecodable:
        return
    if read.type != "recado.account.configured.v1":  # there a plain token is read, and may not be written
        assert codec.decode_input(ROLE_OF[read.type], codec.encode_input(read)) == read

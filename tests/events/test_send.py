"""The rules of a send request, and of the answers and callbacks about it."""

from base64 import b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from events import codec, examples
from events.answer import AnswerReceived
from events.callback import CallbackReceived
from events.envelope import Input
from events.send import Alert, SendRequested
from events.topics import Role
from events.variables import FieldRef

BASE: dict[str, Any] = {"to": "contact", "sender": "Acme", "text": "Hola"}


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": "a sender of no sense !!"},  # skipped as sender_invalid, not a dead letter
        {"to": {"alert": "600 000 0"}},  # likewise alert_invalid
        {"to": {"alert": "call me"}},
        {"text": ""},  # likewise text_empty
        {"text": None, "template": "gone"},  # likewise template_unknown
        {"send_id": "x" * 64, "labels": ["x" * 64] * 32, "variables": {f"v{n}": n for n in range(64)}},
        {"expires_at": "2020-01-01T00:00:00Z"},
    ],
)
def test_what_the_decider_judges_is_let_through(changes: dict[str, Any]) -> None:
    assert SendRequested.of_json(BASE | changes).as_json()["sender"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"template": "a"}, "there are both"),
        ({"text": None}, "there are none"),
        ({"to": "ana"}, "contact"),
        ({"to": None}, "alert|valid"),
        ({"to": {"alert": "1", "x": 1}}, "Extra"),
        ({"to": {"alert": 600}}, "string"),
        ({"to": {"alert": "600"}}, "fewer than 5 digits"),
        ({"to": {"alert": "6" * 65}}, "64"),
        ({"sender": None}, "string"),
        ({"send_id": ""}, "at least 1"),
        ({"send_id": "x" * 65}, "64"),
        ({"send_id": "a\nb"}, "printable"),
        ({"text": "x" * 10_001}, "10000"),
        ({"text": "\0"}, "U\\+0000"),
        ({"labels": "orders"}, "list"),
        ({"labels": [1]}, "string"),
        ({"labels": ["x"] * 33}, "32"),
        ({"variables": {f"v{n}": n for n in range(65)}}, "64"),
        ({"variables": {"a": []}}, "'a' must be"),
        ({"variables": {"a": {"field": 1}}}, "'a' must be"),
        ({"variables": {"a": {"field": ""}}}, "'a' String should have at least 1"),
        ({"variables": {"a": {"field": "b", "c": 1}}}, "'a' must be"),
        ({"variables": {"": 1}}, "1 to 64"),
        ({"variables": []}, "object"),
        ({"variables": {"sealed": "s1.x"}}, "'sealed' alone must not begin with s1"),
        ({"not_before": 1795417200}, "RFC 3339"),
        ({"not_before": True}, "RFC 3339"),
        ({"expires_at": "tomorrow"}, "RFC 3339"),
        ({"surprise": 1}, "Extra"),
    ],
)
def test_what_breaks_a_type_or_a_size_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SendRequested.of_json(BASE | changes)


def test_a_variable_is_a_value_or_a_field_of_the_contact() -> None:
    read = SendRequested.of_json(BASE | {"variables": {"order": 1234, "name": {"field": "first_name"}}})
    assert read.variables == {"order": 1234, "name": FieldRef(field="first_name")}


@pytest.mark.parametrize("variables", [{"sealed": "s2.x"}, {"sealed": 1}, {"sealed": "s1.x", "order": 1}])
def test_a_variable_may_be_called_sealed(variables: dict[str, Any]) -> None:
    assert SendRequested.of_json(BASE | {"variables": variables}).variables == variables


def test_inside_recado_times_are_milliseconds() -> None:
    made = SendRequested(to=Alert(alert="+34612345679"), sender="Acme", text="x", not_before=examples.SEVEN)
    assert made.as_json()["not_before"] == "2026-11-23T07:00:00.000Z"
    assert SendRequested.of_json(made.as_json()) == made


@pytest.mark.parametrize(
    "values",
    [
        {"outcome": "refused"},  # final or not?
        {"outcome": "unknown"},  # why?
        {"outcome": "lost"},
        {"outcome": "accepted", "attempt": 0},
        {"outcome": "accepted", "status": 2000},
    ],
)
def test_half_an_answer_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AnswerReceived.of_json({"send_id": "s", "attempt": 1, "client_id": "0-1-x"} | values)


def test_a_callback_that_could_not_be_read_keeps_its_body() -> None:
    read = CallbackReceived(provider="instasent", received_at=examples.SEVEN, raw="{broken")
    assert read.as_json() == {"provider": "instasent", "received_at": "2026-11-23T07:00:00.000Z", "raw": "{broken"}


def test_a_callbacks_body_of_64_kib_has_room_even_in_base64() -> None:
    body = "base64:" + b64encode(bytes(64 * 1024)).decode()
    event = Input.of(
        CallbackReceived(provider="instasent", received_at=examples.SEVEN, raw=body),
        id="1",
        source="/recado/ingress",
        subject="acme",
        time=examples.SEVEN,
    )
    assert codec.decode_input(Role.CALLBACKS, codec.encode_input(event)) == event


@pytest.mark.parametrize("code", [2**31, -(2**31) - 1, "0", True])
def test_a_code_is_a_number_that_every_database_keeps(code: Any) -> None:
    with pytest.raises(ValidationError):
        CallbackReceived(provider="instasent", received_at=examples.SEVEN, code=code)

"""The table of instasent.md, section 2, line by line, and laws over any answer."""

from typing import Any

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.carriers.base import Accepted, Answer, RateHeaders, Refused, Unknown
from connectors.carriers.verdict import judge

RATE = RateHeaders(1_200, 7, 1_700_000_000_000)


def verdict(status: int, body: Any = None) -> Answer:
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    return judge(status, RATE, content, None, secret="t0k3n")


@pytest.mark.parametrize(
    "body",
    [
        {"entity": {"id": "abc"}},
        {"id": "abc"},
        {"entity": {"id": "abc"}, "errors": []},
        {"entity": {"id": "abc"}, "errors": {}, "more": 1},
        {"entity": {}, "id": "abc"},
    ],
)
def test_an_id_in_the_entity_or_above_it_is_acceptance(body: Any) -> None:
    assert verdict(201, body) == verdict(200, body) == Accepted("abc", RATE)


def test_a_number_is_an_id_too() -> None:
    assert verdict(201, {"entity": {"id": 17}}) == Accepted("17", RATE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"abc"',
        b"\xff",
        {},
        {"entity": None},
        {"entity": {"id": None}},
        {"id": ""},
        {"id": True},
        {"id": ["abc"]},
        {"id": "x" * 257},
        {"id": "a\u0000b"},
        {"entities": [{"id": "abc"}]},
    ],
)
def test_acceptance_without_a_readable_id_is_unknown(body: Any) -> None:
    answer = verdict(201, body)
    assert isinstance(answer, Unknown)
    assert answer.reason == "server_error"


@pytest.mark.parametrize("status", [200, 201, 400, 404, 413, 422])
@pytest.mark.parametrize(
    "errors",
    [
        {"to": ["bad number"]},
        {"to": "bad number"},
        [{"field": "to", "message": "bad number"}],
        [{"errors": {"to": ["bad number"]}}],
        [{"property": "to", "messages": ["bad number"]}],
    ],
)
def test_errors_refuse_the_message_for_good_and_keep_the_words(status: int, errors: Any) -> None:
    answer = verdict(status, {"message": "Validation Failed", "errors": errors})
    assert answer == Refused(status, "to: bad number", final=True, scope="message", rate=RATE)


def test_a_refusal_as_duplicate_means_accepted_before() -> None:
    answer = verdict(400, {"errors": {"clientId": ["This value is already used."]}})
    assert answer == Accepted(None, RATE)


def test_another_refusal_of_the_client_id_is_a_refusal() -> None:
    answer = verdict(400, {"errors": {"clientId": ["This value is too long."]}})
    assert isinstance(answer, Refused)


@pytest.mark.parametrize("status", [401, 402, 429])
def test_errors_beside_a_status_of_the_account_do_not_fail_the_message(status: int) -> None:
    answer = verdict(status, {"errors": {"to": ["bad number"]}})
    assert isinstance(answer, Refused)
    assert not answer.final


@pytest.mark.parametrize(
    ("status", "final", "scope"),
    [
        (400, True, "request"),
        (401, False, "account"),
        (402, False, "account"),
        (403, True, "request"),
        (404, False, "account"),
        (405, True, "request"),
        (408, True, "request"),
        (413, True, "message"),
        (429, False, "rate"),
        (301, False, "account"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", {"message": "why"}])
def test_a_refusal_needs_no_body(status: int, final: bool, scope: str, body: Any) -> None:
    answer = verdict(status, body)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.final, answer.scope, answer.rate) == (status, final, scope, RATE)
    assert answer.message


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 101, 303, 600, 999])
def test_server_errors_and_statuses_that_mean_nothing_are_unknown(status: int) -> None:
    assert verdict(status, {"message": "NoFundsError"}) == Unknown("server_error", f"HTTP {status}", RATE)


def test_a_status_is_worth_something_when_its_body_is_lost() -> None:
    assert isinstance(judge(429, RATE, b"", "connection_lost", secret="x"), Refused)
    lost = judge(201, RATE, b"", "connection_lost", secret="x")
    assert isinstance(lost, Unknown)
    assert lost.reason == "connection_lost"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "entity", "errors", "message", "field", "to", "clientId"]) | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@forall(st.integers(100, 999), st.binary(max_size=200) | JSON.map(orjson.dumps))
def test_any_answer_is_one_of_three_and_never_shows_the_token(status: int, content: bytes) -> None:
    answer = judge(status, RATE, content, None, secret="t0k3n")
    match answer:
        case Accepted(provider_id=provider_id):
            assert 200 <= status < 300 or provider_id is None
        case Refused():
            assert 200 <= status < 500
            assert status != 303
            assert 0 < len(answer.message) <= 200
            assert answer.message.isprintable()
            assert answer.final == (answer.scope in {"message", "request"})
        case Unknown():
            assert status == 303 or not 300 <= status < 500
    assert answer.rate == RATE


@forall(st.text(max_size=500), st.text(max_size=500))
def test_the_token_is_cut_out_of_whatever_is_said(before: str, after: str) -> None:
    body = {"message": f"{before}t0k3n{after}", "errors": [{"to": f"{before}t0k3n{after}"}]}
    for status in (201, 400, 401, 404, 429):
        answer = verdict(status, body)
        assert "t0k3n" not in repr(answer).replace(before, "").replace(after, "") or "t0k3n" in before + after


def test_a_long_message_is_cut_and_stays_on_one_line() -> None:
    answer = verdict(401, {"message": "a\nb" * 201})
    assert isinstance(answer, Refused)
    assert len(answer.message) <= 200
    assert answer.message.startswith("a ba b")

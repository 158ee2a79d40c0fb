"""Errors as RFC 9457 has them, whatever raised them."""

import asyncio
import logging
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from connectors.http.problems import MEDIA_TYPE, middleware, problem


def answered(raised: Exception | None, response: web.Response | None = None) -> web.Response:
    async def handler(_: web.Request) -> web.StreamResponse:
        if raised is not None:
            raise raised
        return response or web.Response(text="fine")

    async def scenario() -> web.StreamResponse:
        return await middleware(make_mocked_request("GET", "/a/secret"), handler)

    reply = asyncio.run(scenario())
    assert isinstance(reply, web.Response)
    return reply


def body(response: web.Response) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    document: dict[str, Any] = orjson.loads(response.body)
    return document


def test_a_problem_has_the_members_of_the_standard_and_its_own() -> None:
    response = problem(422, "Not usable", "The field is empty.", field="name")
    assert (response.status, response.content_type) == (422, MEDIA_TYPE)
    assert body(response) == {
        "type": "about:blank",
        "title": "Not usable",
        "status": 422,
        "detail": "The field is empty.",
        "field": "name",
    }


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (web.HTTPNotFound(), 404),
        (web.HTTPMethodNotAllowed("GET", ["POST"]), 405),
        (web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2), 413),
        (web.HTTPExpectationFailed(), 417),
        (web.HTTPServiceUnavailable(), 503),
    ],
)
def test_what_aiohttp_refuses_becomes_a_problem(raised: web.HTTPException, status: int) -> None:
    response = answered(raised)
    assert (response.status, response.content_type) == (status, MEDIA_TYPE)
    assert body(response)["status"] == status
    assert response.headers.get("Allow") == raised.headers.get("Allow")


def test_a_redirect_stays_one() -> None:
    with pytest.raises(web.HTTPFound):
        answered(web.HTTPFound("/elsewhere"))


def test_a_bug_becomes_a_500_that_tells_nothing_and_is_logged_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    response = answered(ValueError("+34600000001"))
    assert response.status == 500
    assert "+34600000001" not in str(body(response)) + caplog.text
    assert "/a/secret" not in caplog.text
    assert "ValueError at" in caplog.text
    assert "test_problems.py" in caplog.text


def test_what_is_right_passes() -> None:
    assert answered(None).text == "fine"

"""Errors over HTTP, as RFC 9457 has them: `application/problem+json`, the same for every path of every application.

No problem repeats the request's URL, which may hold a secret, or an exception's text, which may hold personal data.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import web

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_DETAILS: Final = {
    404: "There is nothing here.",
    405: "This path does not know that method.",
    413: "The body is larger than this path takes.",
}


def problem(status: int, title: str, detail: str, **members: Any) -> web.Response:
    """A problem as a response. `detail` says what happened and what to do; `members` are extension members (JSON).

    The type is `about:blank`: `title` and `status` say it all. Raises TypeError for a member that JSON does not have.
    """
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail} | members
    return web.Response(status=status, body=orjson.dumps(body), content_type=MEDIA_TYPE)


@web.middleware
async def middleware(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn what a handler raises into a problem: aiohttp's own refusals by status, anything else, a bug, into 500.

    A bug is logged by the name of its exception and the place where it was raised, without its text.
    """
    try:
        return await handler(request)
    except web.HTTPException as refused:
        if refused.status < 400:
            raise
        response = problem(refused.status, _title(refused.status), _DETAILS.get(refused.status, refused.reason))
        if "Allow" in refused.headers:
            response.headers["Allow"] = refused.headers["Allow"]
        return response
    except Exception as error:  # noqa: BLE001 -- the last one to see it: said in the log and to the caller
        if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
            return problem(400, "Bad Request", "The request broke off.")  # for nobody: its sender has gone
        place = _place(error)
        log.error("a request failed: %s at %s; this is a fault of Recado's", type(error).__name__, place)
        return problem(500, _title(500), "This is a fault of ours; it is in the log. Ask again later.")


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"

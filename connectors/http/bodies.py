"""Bodies of requests: bounded, JSON, and told field by field where they are wrong.

No answer repeats a value: it says of what kind the value is. What people type may be personal, and answers get logged.
"""

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import ValidationError

from connectors.http.problems import problem
from events.refusal import steps

TIMEOUT: Final = 10.0  # seconds that a body may take to arrive


class Refused(Exception):
    """The request ends here with this answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


async def read(request: web.Request, most: int) -> bytes:
    """The body, at most so many bytes. Raises Refused: 408, 413, 415 if compressed, 400 if it breaks off."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(problem(415, "Unsupported Media Type", "Send the body as it is, without Content-Encoding."))
    too_large = problem(413, "Content Too Large", f"A body has at most {most:,} bytes here.")
    if request.content_length is not None and request.content_length > most:
        raise Refused(too_large)
    content = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT):
            async for piece in request.content.iter_chunked(65_536):
                content += piece
                if len(content) > most:
                    raise Refused(too_large)
    except TimeoutError:
        detail = f"The body did not arrive within {TIMEOUT:g} seconds."
        raise Refused(problem(408, "Request Timeout", detail)) from None
    except web.RequestPayloadError:
        raise Refused(problem(400, "Bad Request", "The body is not what its headers say.")) from None
    return bytes(content)


async def read_object(request: web.Request, most: int) -> dict[str, Any]:
    """The body as a JSON object. Raises Refused."""
    content = await read(request, most)
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refused(problem(400, "Not JSON", f"The body is not JSON in UTF-8: {error}.")) from None
    if type(document) is not dict:
        raise refuse("", document, "must be a JSON object")
    return document


def refuse(field: str, value: object, rule: str) -> Refused:
    """A 400 that names the field, the kind of its value, and the rule that it breaks."""
    told = f"{field or 'the body'}: {rule}"
    return Refused(problem(400, "A field cannot be used", told, field=field, value=kind(value), rule=rule))


def explain(error: ValidationError) -> Refused:
    """The first of pydantic's findings as a 400."""
    first = error.errors(include_url=False, include_context=False)[0]
    rule = "is unknown here" if first["type"] == "extra_forbidden" else first["msg"][:1].lower() + first["msg"][1:]
    value = None if first["type"] == "missing" else first["input"]
    return refuse(".".join(str(step)[:64] for step in steps(first["loc"])), value, rule)


def kind(value: object) -> str:
    """What a JSON value is, without its content."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return f"a list of {len(value)}" if isinstance(value, list) else "an object"


def not_durable() -> web.Response:
    """A 503: some of it may be in Kafka, and the same ids again change nothing."""
    detail = "Kafka did not confirm it in time. Send it again, with the same ids or the same Idempotency-Key."
    return problem(503, "Service Unavailable", detail)

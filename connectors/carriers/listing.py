"""What Instasent's list says, as pure functions of an HTTP answer: instasent.md, section 1 (c).

Only `entities`, `id` and `clientId` are relied on; whatever else an entity bears is taken where it can be read.
"""

from typing import Any, Final

import orjson

from connectors.carriers.base import Listed, NotListed, Page, RateHeaders
from connectors.carriers.verdict import provider_id
from events import instant

_LONGEST_WORD: Final = 64
_CODES: Final = range(-(2**31), 2**31)
_TIMES: Final = ("createdAt", "sentAt")


def read_page(status: int, rate: RateHeaders, content: bytes | None, number: int) -> Page | NotListed:
    """Page `number` (from 1); `content` is None where it could not be read whole. Raises nothing."""
    if status != 200 or content is None:
        return _not_listed(status, rate)
    body = _object(content)
    entities = None if body is None else body.get("entities")
    if not isinstance(entities, list):
        return NotListed("the list cannot be read", rate=rate)
    items = tuple(item for entity in entities if (item := _listed(entity)) is not None)
    return Page(items, str(number + 1) if entities else None, rate)


def read_message(status: int, rate: RateHeaders, content: bytes | None) -> Page | NotListed:
    """One message; an empty page where it is not known. Raises nothing."""
    if status == 404:
        return Page((), None, rate)
    if status != 200 or content is None:
        return _not_listed(status, rate)
    body = _object(content) or {}
    item = _listed(body.get("entity", body))
    return NotListed("the message cannot be read", rate=rate) if item is None else Page((item,), None, rate)


def _not_listed(status: int, rate: RateHeaders) -> NotListed:
    if status == 429:
        return NotListed("too many requests", "rate", rate)
    if 300 <= status < 500:
        return NotListed(f"HTTP {status}", "account", rate)
    return NotListed(f"HTTP {status}, or an answer that cannot be read", rate=rate)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _listed(entity: Any) -> Listed | None:
    if not isinstance(entity, dict):
        return None
    name = provider_id(entity.get("id"))
    if name is None:
        return None
    client_id = entity.get("clientId")
    return Listed(
        client_id if isinstance(client_id, str) else None,
        name,
        word(entity.get("status")),
        code(entity.get("statusCode", entity.get("code"))),
        next((at for key in _TIMES if (at := _moment(entity.get(key))) is not None), None),
    )


def word(value: Any) -> str | None:
    """A status, where it is one that can be kept."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD and value.isprintable() else None


def code(value: Any) -> int | None:
    """A code, where it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _CODES else None


def _moment(value: Any) -> int | None:
    try:
        return instant.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None

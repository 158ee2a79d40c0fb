"""What an HTTP answer of Instasent's means for one SMS: the table of instasent.md, section 2, as one pure function."""

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from connectors.carriers.base import Accepted, Answer, RateHeaders, Refused, Unknown, UnknownReason

_LONGEST_MESSAGE: Final = 200
_LONGEST_ID: Final = 256
_DEEPEST: Final = 6
# The words are ours: how a repeated clientId is refused is not documented. It means that the attempt was taken before.
_TAKEN_BEFORE: Final = re.compile(r"already|duplicat|not unique|must be unique|has been used", re.IGNORECASE)


def judge(status: int, rate: RateHeaders, content: bytes, trouble: UnknownReason | None, *, secret: str) -> Answer:
    """Read one answer. `trouble` says why `content` could not be read whole, in which case it is empty. Raises nothing.

    No body is ever required to understand a refusal. `secret` is cut out of whatever the provider says.
    """
    body = _object(content)
    said = _clean(body.get("message") if isinstance(body.get("message"), str) else None, secret)
    if 200 <= status < 300:
        return _taken(status, body, rate, trouble, secret)
    if 300 <= status < 400:
        message = f"HTTP {status}: the base URL redirects elsewhere; correct it"
        return Refused(status, message, final=False, scope="account", rate=rate)
    if not 400 <= status < 500:
        return Unknown("server_error", f"HTTP {status}", rate)
    if status == 429:
        return Refused(status, said or "too many requests", final=False, scope="rate", rate=rate)
    if status == 401:
        return Refused(status, said or "the token is not valid", final=False, scope="account", rate=rate)
    if status == 402:
        return Refused(status, said or "no funds", final=False, scope="account", rate=rate)
    errors = body.get("errors")
    if errors:
        return _refused_fields(status, errors, rate, secret)
    if status == 404:
        return Refused(status, said or "not found: is the base URL right?", final=False, scope="account", rate=rate)
    if status == 413:
        return Refused(status, said or "the message is too large", final=True, scope="message", rate=rate)
    return Refused(status, said or f"HTTP {status}", final=True, scope="request", rate=rate)


def _taken(status: int, body: dict[str, Any], rate: RateHeaders, trouble: UnknownReason | None, secret: str) -> Answer:
    if trouble is not None:
        return Unknown(trouble, "the answer was positive, but could not be read whole", rate)
    entity = body.get("entity")
    name = provider_id(entity.get("id") if isinstance(entity, dict) else None) or provider_id(body.get("id"))
    if name is not None:
        return Accepted(name, rate)
    errors = body.get("errors")
    if errors:
        return _refused_fields(status, errors, rate, secret)
    return Unknown("server_error", "the answer was positive, but has no id that can be read", rate)


def _refused_fields(status: int, errors: Any, rate: RateHeaders, secret: str) -> Answer:
    messages = list(_messages(errors, "", 0))
    if any(field == "clientId" and _TAKEN_BEFORE.search(text) for field, text in messages):
        return Accepted(None, rate)
    said = "; ".join(f"{field}: {text}" if field else text for field, text in messages[:8])
    return Refused(status, _clean(said, secret) or "a field is refused", final=True, scope="message", rate=rate)


def _messages(errors: Any, field: str, depth: int) -> Iterator[tuple[str, str]]:
    """The messages in `errors`, whose shape is not documented, each with the field it is about."""
    if depth > _DEEPEST:
        return
    if isinstance(errors, str):
        yield field, errors
    elif isinstance(errors, list):
        for one in errors[:20]:
            yield from _messages(one, field, depth + 1)
    elif isinstance(errors, dict):
        named = next((errors[key] for key in ("field", "property", "path") if isinstance(errors.get(key), str)), None)
        for key, one in list(errors.items())[:20]:
            if named is not None and one == named and key in {"field", "property", "path"}:
                continue
            about = named or (field if key in {"message", "messages", "errors", "error"} else str(key))
            yield from _messages(one, about, depth + 1)


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def provider_id(value: Any) -> str | None:
    """A provider's name for a message, where it is one that can be kept."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable() else None


def _clean(text: str | None, secret: str) -> str:
    """A provider's words made fit for a person's eyes: bounded, printable, without the token."""
    if text is None:
        return ""
    shown = text.replace(secret, "[token]")[:_LONGEST_MESSAGE]
    return "".join(character if character.isprintable() else " " for character in shown).strip()

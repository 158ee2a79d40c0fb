"""One callback's body, whatever it is, as the event that keeps it: instasent.md, section 3; Twilio's status callbacks.

Of Instasent JSON is what is documented; form-encoded bodies with the same names (numbers as text) are read too.
Twilio's are forms, and the client id is in the address that was called, as Twilio knows none. What cannot be read
is kept raw, so that nothing which arrived is ever lost: as text where it is text, else as `base64:` and its base64.
"""

import json
import re
from base64 import b64encode
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import orjson
from pydantic import ValidationError

from events import instant
from events.callback import CallbackReceived, Provider
from events.codec import encode_input
from events.envelope import Input

_CODES: Final = range(-(2**31), 2**31)
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # as in a reply cut within an emoji


class _UnreadableError(Exception):
    """The body is no callback that we know."""


def read(body: bytes, received_at: int) -> CallbackReceived:
    """The callback in a body of at most 64 KiB; `received_at` in ms since the epoch. Raises nothing."""
    try:
        return _read(_fields(body), received_at)
    except (_UnreadableError, ValidationError):
        return raw(body, received_at)


def raw(body: bytes, received_at: int, provider: Provider = "instasent") -> CallbackReceived:
    """A body as it came, because nothing else can be made of it."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = "\x00"
    if _NOT_TEXT.search(text):
        text = "base64:" + b64encode(body).decode("ascii")
    return CallbackReceived(provider=provider, received_at=received_at, raw=text)


class Event(NamedTuple):
    """A callback and its event in bytes, ready for Kafka."""

    callback: CallbackReceived
    value: bytes


def event(account: str, body: bytes, received_at: int) -> Event:
    """The event of a body; of one of 64 KiB it has less than the 256 KiB that an event may have.

    The same receipt again makes the same event, so that it changes nothing the second time. Raises
    Undecodable("subject") for what is no account.
    """
    return _event(account, read(body, received_at), received_at)


def twilio_event(account: str, client_id: str, body: bytes, received_at: int) -> Event:
    """The event of a status callback of Twilio's, likewise; `client_id` is what the address said."""
    return _event(account, read_twilio(client_id, body, received_at), received_at)


def read_twilio(client_id: str, body: bytes, received_at: int) -> CallbackReceived:
    """The status callback in a form of at most 64 KiB. Raises nothing."""
    try:
        fields = _form(body)
        status = _text(fields, "MessageStatus") or _text(fields, "SmsStatus")
        if status is None:
            raise _UnreadableError
        return CallbackReceived(
            provider="twilio",
            received_at=received_at,
            client_id=client_id,
            provider_id=_text(fields, "MessageSid") or _text(fields, "SmsSid"),
            status=status,
            code=_code(fields.get("ErrorCode")),
        )
    except (_UnreadableError, ValidationError):
        return raw(body, received_at, "twilio")


def _event(account: str, callback: CallbackReceived, received_at: int) -> Event:
    source = f"/{callback.provider}/{account}"
    received = Input.of(callback, id=_id(callback), source=source, subject=account, time=received_at)
    return Event(callback, encode_input(received))


def _id(callback: CallbackReceived) -> str:
    """The duplicate key as 32 hex digits: id, clientId, status, code, eventAt, the hash of the message or the raw body.

    A stop or a reply without a time is never taken for an earlier one: an opt-out lost is worse than one made twice.
    Which words opt out is the account's to say; what nothing follows from the second time is left to the engine."""
    said = (callback.status or "").strip().lower() == "stop" or callback.message is not None
    late = callback.received_at if callback.event_at is None and said else None
    key = [callback.provider_id, callback.client_id, callback.status, callback.code, callback.event_at, late]
    texts = [None if text is None else blake2b(text.encode()).hexdigest() for text in (callback.message, callback.raw)]
    return blake2b(orjson.dumps([*key, *texts]), digest_size=16).hexdigest()


def _fields(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            document = json.loads(body)  # which takes half of a surrogate pair
        except (ValueError, RecursionError):
            return _form(body)
    if not isinstance(document, dict):
        raise _UnreadableError
    return document


def _form(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), strict_parsing=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise _UnreadableError from None
    return dict(pairs)


def _read(fields: dict[str, Any], received_at: int) -> CallbackReceived:
    status, message = _text(fields, "status"), _text(fields, "message")
    if status is None and message is None:
        raise _UnreadableError
    return CallbackReceived(
        provider="instasent",
        received_at=received_at,
        client_id=_text(fields, "clientId"),
        provider_id=_text(fields, "id"),
        status=status,
        code=_code(fields.get("code")),
        event_at=_moment(fields.get("eventAt")),
        message=message,
    )


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _UnreadableError
    return _NOT_TEXT.sub("\ufffd", value)


def _code(value: Any) -> int | None:
    """The code, where it is one: a receipt counts without it."""
    if isinstance(value, str) and re.fullmatch("-?[0-9]{1,10}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _CODES else None


def _moment(value: Any) -> int | None:
    """The time, where it is one; without it the time of receipt counts."""
    try:
        return instant.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None

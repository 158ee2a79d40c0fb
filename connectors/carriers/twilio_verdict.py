"""What Twilio's answers mean, as pure functions of an HTTP answer: Programmable Messaging's Messages resource, and
Twilio's dictionary of error codes.

Its list bears no client id of ours; a message in it is known again by its number and its text (events/likeness.py).
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from connectors.carriers.base import (
    Accepted,
    Answer,
    Listed,
    NotListed,
    Page,
    Refused,
    Unknown,
    UnknownReason,
)
from connectors.carriers.listing import code as code_of
from connectors.carriers.listing import word
from connectors.carriers.verdict import json_object, provider_id
from events.likeness import likeness

_LONGEST_MESSAGE: Final = 200
# Codes that blame the account, its credentials or its state rather than the message.
_ACCOUNT: Final = frozenset((20003, 20005, 20008, 20404, 30002))
# Codes of a number, a sender, a text or a region, whatever status they come with: this message can never go.
_MESSAGE: Final = frozenset(
    (21211, 21212, 21408, 21602, 21604, 21606, 21608, 21610, 21612, 21614, 21617, 21635, 21659, 21660)
)
_CURSOR: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def judge(status: int, content: bytes, trouble: UnknownReason | None, *, hidden: Mapping[str, str]) -> Answer:
    """Read the answer to one POST. `trouble` says why `content` could not be read whole, in which case it is empty.
    Raises nothing. What is `hidden` (the password, the number) is replaced in whatever is said."""
    body = json_object(content)
    if 200 <= status < 300:
        return _taken(body, trouble)
    if not 300 <= status < 500 or status == 303:  # as Instasent's: connectors/carriers/verdict.py
        return Unknown("server_error", f"HTTP {status}")
    said, code = _said(body, hidden), code_of(body.get("code"))
    if 300 <= status < 400:
        return Refused(status, f"HTTP {status}: the base URL redirects elsewhere; correct it", False, "account")
    if status == 429:
        return Refused(status, said or "too many requests", False, "rate")
    if code in _MESSAGE:
        return Refused(status, said or f"error {code}", True, "message")
    if status in (401, 402, 403, 404) or code in _ACCOUNT:
        return Refused(status, said or _ACCOUNT_WORDS.get(status, f"error {code}"), False, "account")
    if status == 413:
        return Refused(status, said or "the message is too large", True, "message")
    return Refused(status, said or f"HTTP {status}", True, "request")


_ACCOUNT_WORDS: Final = {
    401: "the account SID or the auth token is not valid",
    402: "no funds",
    403: "the account may not send",
    404: "not found: are the account SID and the base URL right?",
}


def _taken(body: dict[str, Any], trouble: UnknownReason | None) -> Answer:
    if trouble is not None:
        return Unknown(trouble, "the answer was positive, but could not be read whole")
    name = provider_id(body.get("sid"))
    if name is None:
        return Unknown("server_error", "the answer was positive, but has no sid that can be read")
    return Accepted(name)


def read_page(status: int, content: bytes | None) -> Page | NotListed:
    """A page of the list; `content` is None where it could not be read whole. Raises nothing."""
    if status != 200 or content is None:
        return _not_listed(status)
    body = json_object(content)
    messages = body.get("messages")
    if not isinstance(messages, list):
        return NotListed("the list cannot be read")
    items = tuple(item for message in messages if (item := _listed(message)) is not None)
    return Page(items, _following(body.get("next_page_uri")))


def read_message(status: int, content: bytes | None) -> Page | NotListed:
    """One message; an empty page where it is not known. Raises nothing."""
    if status == 404:
        return Page(())
    if status != 200 or content is None:
        return _not_listed(status)
    item = _listed(json_object(content))
    return NotListed("the message cannot be read") if item is None else Page((item,))


def cursor(text: str | None) -> tuple[str, str] | None:
    """Page number and token of a cursor that `read_page` gave; None for the first page."""
    page, _, token = (text or "").partition(".")
    return (page, token) if page.isdecimal() and _CURSOR.fullmatch(token) else None


def _following(uri: Any) -> str | None:
    """Of the address of the next page only its number and token are taken: it is theirs to name, not where we ask."""
    if not isinstance(uri, str) or not uri:
        return None
    try:
        query = parse_qs(urlsplit(uri).query)
    except ValueError:
        return None
    named = f"{query.get('Page', [''])[0]}.{query.get('PageToken', [''])[0]}"
    return named if cursor(named) is not None else None


def _not_listed(status: int) -> NotListed:
    if status == 429:
        return NotListed("too many requests", "rate")
    if 300 <= status < 500:
        return NotListed(f"HTTP {status}", "account")
    return NotListed(f"HTTP {status}, or an answer that cannot be read")


def _listed(message: Any) -> Listed | None:
    """A message that we sent: one that came in says nothing of any attempt."""
    if not isinstance(message, dict) or str(message.get("direction", "outbound-api")) != "outbound-api":
        return None
    name, to, text = provider_id(message.get("sid")), message.get("to"), message.get("body")
    if name is None:
        return None
    alike = likeness(to, text) if isinstance(to, str) and isinstance(text, str) else None
    error = code_of(message.get("error_code"))
    return Listed(None, name, word(message.get("status")), error, _moment(message.get("date_created")), alike)


def _moment(value: Any) -> int | None:
    """RFC 2822, as Twilio writes times."""
    try:
        return int(parsedate_to_datetime(value).timestamp() * 1_000) if isinstance(value, str) else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _said(body: dict[str, Any], hidden: Mapping[str, str]) -> str:
    """Twilio's words and its code, made fit for a person's eyes: bounded, printable, without secret or number."""
    text, code = body.get("message"), code_of(body.get("code"))
    said = text if isinstance(text, str) else ""
    for private, shown_as in hidden.items():
        said = said.replace(private, shown_as)
    said = said[:_LONGEST_MESSAGE]
    shown = "".join(character if character.isprintable() else " " for character in said).strip()
    return f"{shown} (error {code})" if shown and code is not None else shown

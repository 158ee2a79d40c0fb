"""What an HTTP answer of Instasent's means for one SMS, or for each of a batch: the tables of instasent.md, sections 1
and 2, as pure functions.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
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
    body = json_object(content)
    said = _clean(body.get("message") if isinstance(body.get("message"), str) else None, secret)
    if 200 <= status < 300:
        return _taken(status, body, rate, trouble, secret)
    if status == 303:  # what came of it is elsewhere, so that something did: RFC 9110, section 15.4.4
        return Unknown("server_error", f"HTTP {status}", rate)
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


def judge_many(
    status: int, rate: RateHeaders, content: bytes, trouble: UnknownReason | None, client_ids: Sequence[str], *,
    secret: str,
) -> list[Answer] | None:  # fmt: skip
    """Read the answer to a batch, an answer for each of its SMS, in their order. Raises nothing.

    None: the batch was surely not taken, and may be handed over again in smaller parts, as one SMS in it may be at
    fault or all of them too much. Never where a refusal names an item as accepted: that one was taken, whatever the
    status says, and would be sent twice.

    Items are told apart by their clientId alone, never by their place. Those that the answer does not name as accepted
    were refused only if the counts add up: else nobody knows. A batch of one has nothing to tell apart: what is not
    said in a batch's way is read as the answer to a single SMS, and it is never handed over again in parts.
    """
    body = json_object(content)
    entities, one = _list(body.get("entities")), len(client_ids) == 1
    listed = bool(entities or _list(body.get("errors")))
    if 200 <= status < 300:
        if trouble is not None:
            return _all(Unknown(trouble, "the answer was positive, but could not be read whole", rate), client_ids)
        if one and not listed:
            return [judge(status, rate, content, trouble, secret=secret)]
        if one and not body.get("errors") and len(entities) == 1 and isinstance(entities[0], dict):
            body["entities"] = [{"clientId": client_ids[0], **entities[0]}]
        return _told_apart(status, body, rate, client_ids, secret)
    blamed = status in _PERHAPS_FIELDS or any(_name(entity) in client_ids for entity in entities)
    if status < 500 and entities and (blamed or status < 400):
        return _told_apart(status, body, rate, client_ids, secret)
    if status == 402 and not one:  # whether a part of it passed is not documented
        return _all(
            Unknown("server_error", "HTTP 402 to a batch: a part may have gone", rate, account=True), client_ids
        )
    if body.get("errors") and status in _PERHAPS_FIELDS and (listed or not one):
        return _told_apart(status, body, rate, client_ids, secret)
    if status in (400, 413, 422) and (trouble is not None or not one):
        if trouble is not None:  # what was not read may name some as accepted
            return _all(Unknown(trouble, f"HTTP {status} to a batch, which could not be read whole", rate), client_ids)
        return None
    return _all(judge(status, rate, content, trouble, secret=secret), client_ids)


_ACCOUNT: Final = frozenset((401, 402))
_PERHAPS_FIELDS: Final = frozenset(range(400, 500)) - _ACCOUNT - {429}


def _all(answer: Answer, client_ids: Sequence[str]) -> list[Answer]:
    return [answer] * len(client_ids)


def _told_apart(
    status: int, body: dict[str, Any], rate: RateHeaders, client_ids: Sequence[str], secret: str
) -> list[Answer]:
    """Each item of a batch by its clientId."""
    entities, errors = _list(body.get("entities")), _list(body.get("errors"))
    named = Counter(_name(entity) for entity in entities)
    ids = {_name(entity): provider_id(entity.get("id")) for entity in entities if isinstance(entity, dict)}
    ours = set(client_ids)
    taken = {name for name in ours if named[name] == 1}
    adds_up = len(taken) == len(entities) and len(taken) + len(errors) == len(ours) == len(client_ids)
    blames_items = status < 300 or status in _PERHAPS_FIELDS
    said = _errors_by_item(errors, ours - taken) if adds_up and blames_items else {}
    untold = Unknown(
        "server_error", "the answer to the batch does not tell what became of it", rate, account=status in _ACCOUNT
    )
    answers: list[Answer] = []
    for name in client_ids:
        if name in taken:
            known = ids[name]
            answers.append(
                Accepted(known, rate)
                if known is not None
                else Unknown("server_error", "it was named as accepted, but has no id that can be read", rate)
            )
        elif name in said:
            answers.append(_refused_fields(status, said[name], rate, secret))
        else:
            answers.append(untold)
    return answers


def _errors_by_item(errors: list[Any], rest: set[str]) -> dict[str, Any]:
    """Of each refused item what was said of it: its own error, if all name theirs; else what all of them say in common.
    Where one of several unnamed ones was perhaps taken before, nothing is known of any."""
    by_name = {name: _without_name(error) for error in errors if (name := _name(error)) is not None}
    if by_name.keys() == rest:
        return by_name
    if len(rest) > 1 and any(_TAKEN_BEFORE.search(text) for _, text in _messages(errors, "", 0)):
        return {}
    said = [_without_name(error) for error in errors]
    return dict.fromkeys(rest, said)


def _without_name(error: Any) -> Any:
    if _name(error) is None:
        return error
    return {key: value for key, value in error.items() if key != "clientId"}


def _name(item: Any) -> str | None:
    """The clientId that an item of an answer bears."""
    name = item.get("clientId") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


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


def json_object(content: bytes) -> dict[str, Any]:
    """A body as a JSON object; an empty one where it is none."""
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

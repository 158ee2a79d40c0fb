"""May this SMS go, now? Folds projections/send.py and projections/contact.py.

In this order: asked before, account, too late, cancelled, too early, stopped, addressee, sender, text, provider, quiet
hours, caps, the account's day; and last, as it takes what it grants, whether the provider may be called for the account
now (streams/leave.py). What can never go is told at once; what may not go now waits until it may, or it expires, and is
decided anew then.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

import orjson

from events import client_id, opt_out
from events.fact import SendFact
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from events.shape import Class
from projections import contact, quota, recent, send, short_link, template, text, transliteration
from projections.account import Account, Directory, SavedTemplate
from streams.allowance import UNLIMITED, Allowance
from streams.deciders.eligibility import No, addressee, cap, ends, expiry, waits, within_day
from streams.leave import FREE, Gate

__all__ = ["Asked", "Links", "Place", "again", "asked", "cancelled", "decide", "unreadable"]

# ASCII letters and digits, one letter at least; instasent.md, section 6.
_SENDER: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{3,11}", re.ASCII)


class Links(NamedTuple):
    """What short links are made of: the key of their MAC, and what they begin with where the account has no domain."""

    key: bytes = b""
    base: str = "http://127.0.0.1:8080"


class Place(NamedTuple):
    """What a client id and a link are made of, besides the send: the contact's partition and the keys of the MACs; and
    who says whether the provider may be called now, and what is left of the account's day."""

    partition: int
    mac_key: bytes
    links: Links = Links()
    gate: Gate = FREE
    allowance: Allowance = UNLIMITED


class Asked(NamedTuple):
    """One request, whether it just came or waited."""

    subject: str
    account: str
    hashed: str  # client_id.send_hash
    send_id: str
    class_: Class
    requested_at: int  # ms
    body: str
    request: dict[str, Any]  # the data as JSON: what facts carry
    data: SendRequested


class _Text(NamedTuple):
    """What would be handed over."""

    text: str
    encoding: text.Encoding
    parts: int
    unsubscribe: str | None  # the code of the opt-out link in it
    links: Mapping[str, str] = {}  # what its short links stand for


def asked(
    data: SendRequested, subject: str, hashed: str, send_id: str, class_: Class, requested_at: int, key: bytes
) -> Asked:
    """A request that just came. Its body's digest is keyed: without the key nobody can test guesses at what it said."""
    request = data.model_dump(mode="json", exclude_defaults=True)
    said = orjson.dumps({**request, "send_id": class_}, option=orjson.OPT_SORT_KEYS)
    body = blake2b(said, digest_size=8, key=key).hexdigest()
    return Asked(subject, subject.partition("/")[0], hashed, send_id, class_, requested_at, body, request, data)


def decide(
    asked: Asked, sent: send.State, owner: contact.State, accounts: Directory, now: int, place: Place,
    lately: recent.Recent = recent.initial,
) -> list[SendFact]:  # fmt: skip
    """Attempt it, skip it with a reason, or defer it. Asked before with the same body: nothing."""
    if not sent.send_id:
        return [_decided(asked, sent, owner, accounts, now, place, lately)]
    if sent.body == asked.body:
        return []
    return [_skipped(asked, No("duplicate", "another request of this contact has this send_id"), {})]


def again(
    sent: send.State, account: str, hashed: str, owner: contact.State, accounts: Directory, now: int, place: Place,
    lately: recent.Recent = recent.initial,
) -> list[SendFact]:  # fmt: skip
    """Decide anew a request that waited; none where an attempt turned out to have reached the provider after all."""
    if sent.request is None or sent.reached:
        return []
    request = dict(sent.request)
    data = SendRequested.of_json(request)
    waited = Asked(
        sent.subject, account, hashed, sent.send_id, sent.class_, sent.requested_at, sent.body, request, data
    )
    return [_decided(waited, sent, owner, accounts, now, place, lately)]


def cancelled(sent: send.State, accounts: Directory) -> bool:
    """Was a send that waits cancelled meanwhile? Names and labels are never sealed, so that this needs no key."""
    account = accounts.account(sent.subject.partition("/")[0])
    if account is None or not account.cancellations or sent.request is None:
        return False
    labels = _labels(account.templates.get(sent.request.get("template") or ""), sent.request.get("labels") or ())
    return account.cancelled(sent.send_id, labels, sent.requested_at)


def unreadable(sent: send.State, accounts: Directory) -> list[SendFact]:
    """What was asked for was sealed, and its key was destroyed with the contact while it waited."""
    if sent.reached:
        return []
    detail = "the contact's data was erased, and what was asked for with it"
    looked_at = {"settings_version": accounts.version}
    return [SendSkipped(sent.send_id, sent.class_, "erased", detail, looked_at, sent.body)]


def _decided(
    asked: Asked,
    sent: send.State,
    owner: contact.State,
    accounts: Directory,
    now: int,
    place: Place,
    lately: recent.Recent,
) -> SendFact:
    data = asked.data
    looked_at: dict[str, Any] = {"settings_version": accounts.version}
    account = accounts.account(asked.account)
    if account is None:
        return _skipped(asked, No("account_unknown", "nothing was ever configured for this account"), looked_at)
    no = expiry(data, asked.requested_at, now)
    if no is not None:
        return _skipped(asked, no, looked_at)
    saved = account.templates.get(data.template) if data.template is not None else None
    labels = _labels(saved, data.labels)
    if account.cancelled(asked.send_id, labels, asked.requested_at):
        return _skipped(asked, No("cancelled", "it was cancelled before it was attempted"), looked_at)
    if data.not_before is not None and data.not_before > now:
        return _deferred(asked, data.not_before, "not_before", looked_at)
    if account.stopped:
        return _skipped(asked, No("stopped", "all sending of the account is stopped"), looked_at)
    number = addressee(data, asked.class_, owner, account, looked_at)
    if isinstance(number, No):
        return _skipped(asked, number, looked_at)
    if _SENDER.fullmatch(data.sender) is None:
        detail = "a sender is 3 to 11 letters and digits without accents, at least one of them a letter"
        return _skipped(asked, No("sender_invalid", detail), looked_at)
    words = _text(asked, saved, owner, account, looked_at, place)
    if isinstance(words, No):
        return _skipped(asked, words, looked_at)
    if not account.connected or account.connector is None:
        return _skipped(asked, No("connector_missing", "the account has no provider to send through"), looked_at)
    until = waits(data, asked.class_, asked.requested_at, number, account, now, looked_at)
    if isinstance(until, No):
        return _skipped(asked, until, looked_at)
    if until is not None:
        return _deferred(asked, until, "quiet_hours", looked_at)
    if data.to == "contact":
        capped = cap(asked.class_, lately, sent, account, now, looked_at)
        if capped is not None:
            return _skipped(asked, capped, looked_at)
    day = quota.day(now, account.manner.timezone)
    until = within_day(day, account, now, place.allowance, looked_at)
    if isinstance(until, No):
        return _skipped(asked, until, looked_at)
    if until is not None:
        return _deferred(asked, until, "rate", looked_at)
    leave, by = place.gate.ask(account, asked.class_, now, waited=sent.phase == "deferred"), account.connector
    if leave.until is not None:
        if not leave.fallback or account.fallback is None or not _may_fall_back(sent):
            return _deferred(asked, leave.until, leave.reason or "rate", looked_at)
        by = account.fallback
    attempt = sent.tried + 1
    return SendAttempted(
        asked.send_id, asked.class_, attempt, client_id.make(place.mac_key, place.partition, asked.hashed, attempt),
        number, data.sender, data.template, saved.version if saved else None, labels, words.encoding, words.parts,
        words.text, data.to != "contact", asked.request, looked_at, asked.requested_at, asked.body,
        words.unsubscribe, by.provider, leave.fallback, words.links, day,
    )  # fmt: skip


def _labels(saved: SavedTemplate | None, own: Sequence[str]) -> list[str]:
    """Those of the template, and the request's own."""
    return list(dict.fromkeys((*(saved.labels if saved else ()), *own)))


def _may_fall_back(sent: send.State) -> bool:
    """May this send go by the account's second connector? Not where any attempt may have reached the first: it would be
    asked of two providers, and neither knows of the other."""
    return len(sent.attempts) == sent.tried and all(attempt.outcome == "refused" for attempt in sent.attempts)


def _deferred(
    asked: Asked, until: int, reason: Literal["not_before", "quiet_hours", "rate", "circuit"], looked_at: dict[str, Any]
) -> SendDeferred:
    until = min(until, ends(asked.data.expires_at, asked.requested_at))
    return SendDeferred(
        asked.send_id, asked.class_, until, reason, asked.request, asked.requested_at, asked.body, looked_at
    )


def _skipped(asked: Asked, no: No, looked_at: dict[str, Any]) -> SendSkipped:
    data = asked.data
    return SendSkipped(
        asked.send_id, asked.class_, no.reason, no.detail, looked_at, asked.body, asked.requested_at, data.sender,
        data.template, data.labels, data.to != "contact",
    )  # fmt: skip


def _text(
    asked: Asked, saved: SavedTemplate | None, owner: contact.State, account: Account, looked_at: dict[str, Any],
    place: Place,
) -> _Text | No:  # fmt: skip
    """The text with its variables filled, if it may go. An alert has no opt-out link: its reader is another person."""
    data = asked.data
    if data.template is not None:
        if saved is None:
            return No("template_unknown", "the account has no template of this name")
        looked_at["template_version"] = saved.version
        if saved.compiled is None:
            return No("template_unknown", f"version {saved.version} of the template cannot be used: {saved.problem}")
        compiled = saved.compiled
    else:
        try:
            compiled = template.compile_text(data.text or "")
        except template.Broken as broken:
            return No("variable_invalid", str(broken))
    unused = data.variables.keys() - compiled.pieces[1::2]
    if unused:  # a name spelt in two ways leaves a gap in the text, and nobody else would notice
        looked_at["unused_variables"] = sorted(unused)
    code, link = None, ""
    if data.to == "contact" and template.UNSUBSCRIBE in compiled.pieces[1::2]:
        code = opt_out.make(place.links.key, place.partition, asked.subject)
        link = f"{f'https://{account.link_domain}' if account.link_domain else place.links.base}/u/{code}"
    try:
        pieces = template.fill(compiled, data.variables, owner.fields, account.manner, link)
    except template.Invalid as invalid:
        return No("variable_invalid", str(invalid))
    limit, characters = account.limits.parts, sum(map(len, pieces))
    if characters > text.most(limit):  # before anything else is done with it: every byte is hostile
        looked_at["parts_limit"] = limit
        told = f"the text takes more than {limit} parts, and the account allows {limit}"
        return No("text_too_long", f"{told}: it has {characters} characters")
    if account.text.transliterate == "gsm":
        looked_at["transliterate"] = "gsm"
        refused = _unwritable(data.text, compiled.pieces[::2])
        if refused is not None:
            detail = f"{refused}, and the account sends in GSM-7 only (transliterate)"
            return No("variable_invalid" if data.template is None else "template_unknown", detail)
        pieces = _plain(pieces, compiled.pieces[1::2], looked_at)
    filled = text.normalize("".join(pieces))
    links: Mapping[str, str] = {}
    # A sealed account's addresses stay as they are: what a code stands for has to be readable to whoever opens it.
    if account.link_domain and account.privacy != "sealed":
        base = f"https://{account.link_domain}"
        filled, links = short_link.shorten(filled, place.links.key, asked.hashed, base, link)
    if not filled.strip():
        return No("text_empty", "nothing is left of the text once its variables are filled")
    looked_at["parts_limit"] = limit
    # No part holds more than 160 characters: what is longer in any case is not counted out (every byte is hostile).
    counted = text.parts(filled) if len(filled) <= 160 * limit else None
    if counted is None or counted.parts > limit:
        much = counted.parts if counted else f"more than {limit}"
        return No("text_too_long", f"the text takes {much} parts, and the account allows {limit}")
    return _Text(filled, counted.encoding, counted.parts, code, links)


def _unwritable(own: str | None, literals: Sequence[str]) -> str | None:
    """What of the author's words GSM-7 cannot write; None where it can. Of a request's `own` text only where that is:
    three characters are a whole name in some languages, and details are never sealed."""
    if own is None:
        refused = transliteration.refusal("".join(literals))
        return None if refused is None else f"the text holds {refused}"
    unmapped = transliteration.gsm(" ".join(literals)).unmapped
    if not unmapped:
        return None
    written = text.normalize(own)
    at = template.where(written, max(0, written.find(unmapped[0])))
    return f"what stands {at} is no character that GSM-7 can write"


def _plain(pieces: Sequence[str], identifiers: Sequence[str], looked_at: dict[str, Any]) -> list[str]:
    """The pieces in GSM-7. What a value holds without a counterpart is a question mark, and the variable is noted:
    instasent.md, section 5."""
    plain = [transliteration.gsm(piece) for piece in pieces]
    marred = [name for name, value in zip(identifiers, plain[1::2], strict=True) if value.unmapped]
    if marred:
        looked_at["question_marks_in"] = list(dict.fromkeys(marred))
    return [piece.text for piece in plain]

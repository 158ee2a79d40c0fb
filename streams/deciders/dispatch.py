"""May this SMS go, now? Folds projections/send.py and projections/contact.py.

In this order: asked before, account, too late, cancelled, too early, stopped, addressee, sender, text, provider, quiet
hours, caps, the account's day; and last, as it takes what it grants, whether the provider may be called for the account
now (streams/leave.py). What can never go is told at once; what may not go now waits until it may, or it expires, and is
decided anew then.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from events import client_id, instant
from events.fact import SendFact
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from projections import cancellation, contact, quota, recent, send
from projections.account import Directory, SavedTemplate
from streams.deciders.eligibility import No, addressee, cap, ends, expiry, waits, within_day
from streams.deciders.request import Asked, Place
from streams.deciders.words import fill

__all__ = ["again", "cancelled", "decide", "unreadable"]

# ASCII letters and digits, one letter at least; instasent.md, section 6.
_SENDER: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{3,11}", re.ASCII)


def decide(
    asked: Asked, sent: send.State, owner: contact.State, accounts: Directory, now: int, place: Place,
    lately: recent.Recent = recent.initial,
) -> list[SendFact]:  # fmt: skip
    """Attempt it, skip it with a reason, or defer it. Asked before with the same body: nothing."""
    if not sent.send_id:
        return [_decided(asked, sent, owner, accounts, now, place, lately)]
    if sent.body == asked.body:
        return []
    looked_at = {"send": {"phase": sent.phase, "changed_at": instant.render(sent.changed_at)}}
    return [_skipped(asked, No("duplicate", "another request of this contact has this send_id"), looked_at)]


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
    no = expiry(data, asked.requested_at, now, looked_at)
    if no is not None:
        return _skipped(asked, no, looked_at)
    saved = account.templates.get(data.template) if data.template is not None else None
    labels = _labels(saved, data.labels)
    scope = cancellation.covering(account.cancellations, asked.send_id, labels, asked.requested_at)
    if scope is not None:
        looked_at["cancellation"] = account.cancellations[scope].told(scope)
        return _skipped(asked, No("cancelled", "it was cancelled before it was attempted"), looked_at)
    if data.not_before is not None and data.not_before > now:
        return _deferred(asked, data.not_before, "not_before", looked_at)
    if account.stopped:
        looked_at["stopped"] = True
        return _skipped(asked, No("stopped", "all sending of the account is stopped"), looked_at)
    number = addressee(data, asked.class_, owner, account, looked_at)
    if isinstance(number, No):
        return _skipped(asked, number, looked_at)
    if _SENDER.fullmatch(data.sender) is None:
        looked_at["sender"] = data.sender
        detail = "a sender is 3 to 11 letters and digits without accents, at least one of them a letter"
        return _skipped(asked, No("sender_invalid", detail), looked_at)
    words = fill(asked, saved, owner, account, looked_at, place)
    if isinstance(words, No):
        return _skipped(asked, words, looked_at)
    if not account.connected or account.connector is None:
        looked_at["connector"] = account.connector and account.connector.provider
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
    until = within_day(day, sent, account, now, place.allowance, looked_at)
    if isinstance(until, No):
        return _skipped(asked, until, looked_at)
    if until is not None:
        return _deferred(asked, until, "rate", looked_at)
    may_fall_back, by = account.fallback is not None and _may_fall_back(sent), account.connector
    waited = sent.phase == "deferred"
    leave = place.gate.ask(account, asked.class_, now, waited=waited, may_fall_back=may_fall_back)
    if leave.looked_at:
        looked_at["provider"] = dict(leave.looked_at)
    if leave.until is not None:
        if not leave.fallback or account.fallback is None or not may_fall_back:
            return _deferred(asked, leave.until, leave.reason or "rate", looked_at)
        by = account.fallback
    attempt = sent.tried + 1
    return SendAttempted(
        asked.send_id, asked.class_, attempt, client_id.make(place.mac_key, place.partition, asked.hashed, attempt),
        number, data.sender, data.template, saved.version if saved else None, labels, words.encoding, words.parts,
        words.text, data.to != "contact", asked.request, looked_at, asked.requested_at, asked.body,
        words.unsubscribe, by.provider, leave.fallback, words.links,
        None if sent.holds(day) else day,
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
        data.template, data.labels, data.to != "contact", data.not_before, data.expires_at,
    )  # fmt: skip

"""The journal, folded into a partition's keys.

The facts alone are needed, so the journal rebuilds c/, s/, o/, h/, d/, x/, t/, w/, u/ and n/ (projections/keyspace.py),
and nothing else changes them. What a fact says sealed stays so in c/ and s/; for n/ a number must be opened, and where
its key is gone, so is the contact's n/.
"""

from typing import Final

from events.client_id import send_hash
from events.contact import ContactErased, FieldsChanged, PhoneChanged
from events.fact import SOURCE, Fact
from events.likeness import likeness
from events.message import InboundReceived, LinkClicked, MessageStateChanged
from events.record import Sealed
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendSkipped,
    SendUnknown,
)
from projections import contact, recent, send
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import (
    View,
    contact_key,
    day_key,
    forgotten_after,
    link_key,
    number_key,
    open_key,
    recent_key,
    seen_key,
    send_key,
    timer_key,
    unsettled_key,
)

__all__ = ["apply", "evolve", "fold"]

_ABOUT_SEND: Final = (
    SendSkipped, SendDeferred, SendAttempted, SendAccepted, SendRefused, SendUnknown, SendGivenUp, MessageStateChanged,
)  # fmt: skip
_FROM_CALLBACKS: Final = (MessageStateChanged, InboundReceived, LinkClicked)


def apply(view: View, fact: Fact, now: int = 0, keys: Keyring = NO_KEYS) -> None:
    """Fold one fact of the journal into the state, and mark its cause as read: for a rebuild, made at `now` (ms)."""
    fold(view, fact, keys)
    if fact.causation_source == SOURCE:
        return
    day = forgotten_after(max(fact.time, now))
    view.put(seen_key(fact.subject, fact.causation_source, fact.causation_id), day)
    if isinstance(fact.data, _FROM_CALLBACKS):  # a callback's own subject is the account
        view.put(seen_key(fact.subject.partition("/")[0], fact.causation_source, fact.causation_id), day)


def fold(view: View, fact: Fact, keys: Keyring = NO_KEYS) -> None:
    """Fold one fact into c/, s/, o/, h/, d/, x/, t/, u/ and n/: the only code that changes them."""
    key = contact_key(fact.subject)
    view.put(key, evolve(view, view.get(key) or contact.initial, fact, keys))


def evolve(view: View, owner: contact.State, fact: Fact, keys: Keyring = NO_KEYS) -> contact.State:
    """Fold one fact into all but the contact's own key: the contact's state after it is returned, so that several facts
    of one decision read and write it once."""
    data = fact.data
    if type(data) is FieldsChanged:  # what most facts are, and nothing but the contact depends on
        return contact.evolve(owner, fact)
    attempted = None
    if isinstance(data, _ABOUT_SEND):
        attempted = _fold_send(view, fact, owner, keys)
    elif isinstance(data, PhoneChanged | ContactErased):
        _fold_number(view, fact.subject, owner.phone, data.to if isinstance(data, PhoneChanged) else None, keys)
        if isinstance(data, ContactErased):
            view.delete(recent_key(fact.subject))
    elif isinstance(data, InboundReceived) and data.send_id is not None and data.attempt is not None:
        sent: send.State | None = view.get(send_key(send_hash(fact.subject, data.send_id)))
        attempted = _attempted(sent, data.attempt)
    return contact.evolve(owner, fact, attempted)


def _fold_number(view: View, subject: str, before: str | None, after: str | None, keys: Keyring) -> None:
    if before is not None and (number := keys.number(view, subject, before)) is not None:
        view.delete(number_key(number, subject))
    if after is not None and (number := keys.number(view, subject, after)) is not None:
        view.put(number_key(number, subject), 1)


def _fold_link(view: View, subject: str, code: str) -> None:
    known = view.get(link_key(code)) or []
    if subject not in known:
        view.put(link_key(code), [*known, subject])


def _fold_send(view: View, fact: Fact, owner: contact.State, keys: Keyring) -> contact.Attempted | None:
    data = fact.data
    assert isinstance(data, _ABOUT_SEND)
    hashed = send_hash(fact.subject, data.send_id)
    key = send_key(hashed)
    before: send.State = view.get(key) or send.initial
    if isinstance(data, SendSkipped) and data.reason == "duplicate" and before.send_id:
        return None  # another body under the id of a send: that send itself goes on
    own = isinstance(data, SendAttempted) and keys.same(view, fact.subject, data.to, owner.phone)
    if isinstance(data, SendAttempted) and data.unsubscribe is not None:
        _fold_link(view, fact.subject, data.unsubscribe)
    if isinstance(data, SendAttempted) and data.day is not None:
        counted = day_key(fact.subject.partition("/")[0], data.day)
        view.put(counted, (view.get(counted) or 0) + 1)
    after = send.evolve(before, fact, own)
    _fold_recent(view, fact, before)
    if before.due and before.due != after.due:
        view.delete(timer_key(before.due, hashed, before.class_))
    if after.due and before.due != after.due:
        view.put(timer_key(after.due, hashed, after.class_), 1)
    marker = None
    if before.phase == "open" and after.phase != "open":
        marker = view.get(open_key(hashed))
        view.delete(open_key(hashed))
    elif after.phase == "open" and before.phase != "open":
        view.put(open_key(hashed), _marker(data))
    if after.phase == "unknown" and isinstance(data, SendUnknown):
        like = marker if isinstance(marker, str) else None
        attempt = after.attempt(data.attempt) or send.Attempt(data.attempt, 0, own=False)
        view.put(
            unsettled_key(fact.subject.partition("/")[0], hashed),
            [fact.subject, data.send_id, data.attempt, before.changed_at, attempt.provider, attempt.fallback, like],
        )
    elif before.phase == "unknown" and after.phase != "unknown":
        view.delete(unsettled_key(fact.subject.partition("/")[0], hashed))
    view.put(key, after)
    if not isinstance(data, MessageStateChanged):
        return None
    return _attempted(after, data.attempt)


def _marker(data: object) -> int | str:
    """What an open attempt is marked with: a sealed number or text has no likeness."""
    if not isinstance(data, SendAttempted) or data.provider != "twilio":
        return 1
    return 1 if isinstance(data.to, Sealed) or isinstance(data.text, Sealed) else likeness(data.to, data.text)


def _fold_recent(view: View, fact: Fact, sent: send.State) -> None:
    if not recent.touches(fact, sent):
        return
    key = recent_key(fact.subject)
    known = view.get(key)
    after = recent.evolve(known or recent.initial, fact, sent)
    if after:
        if after != known:
            view.put(key, after)
    elif known is not None:
        view.delete(key)


def _attempted(sent: send.State | None, number: int) -> contact.Attempted | None:
    attempt = sent.attempt(number) if sent else None
    return contact.Attempted(attempt.sequence, attempt.own) if attempt else None

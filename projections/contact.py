"""One contact as the deciders need it: number, statuses, custom fields, and the bounces of its present number.

`sequence` numbers the contact's facts without gap; it outlives an erasure, as a tombstone.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from events.contact import (
    ContactErased,
    FieldsChanged,
    PhoneChanged,
    PhoneStatus,
    PhoneStatusChanged,
    Subscription,
    SubscriptionChanged,
)
from events.fact import Fact
from events.message import InboundReceived, MessageStateChanged
from events.shape import Scalar

__all__ = [
    "FIELDS", "FIELDS_BYTES", "KEPT_BOUNCES", "Attempted", "State", "bounced", "concerns", "evolve", "heeds", "initial",
    "loosens_consent", "loosens_status", "newer_word", "subscription", "wished",
]  # fmt: skip

FIELDS: Final = 64  # custom fields of a contact: contract, section 3
FIELDS_BYTES: Final = 80 * 1024  # of JSON: 64 fields of 1 KiB, as the contract allows, with names of 128 characters
KEPT_BOUNCES: Final = 100  # the newest; no account may ask for more in a row (events/account.py, Bounces)


class State(NamedTuple):
    """A contact. NOTE: stored as a JSON array in this order; append new fields with a default, never reorder.

    The times (ms) are those of the facts that set a value: what an older, moved record is compared with.
    """

    sequence: int = 0
    phone: str | None = None  # E.164 with +
    phone_status: PhoneStatus | None = None
    subscription: Subscription | None = None  # None: never set, the account's default applies
    fields: Mapping[str, Scalar] = {}  # never changed in place, like all of a State
    erased: bool = False
    phone_sequence: int = 0  # of the fact that set the number: what was attempted before went to another
    phone_at: int = 0
    status_at: int = 0
    subscription_at: int = 0
    bounces_from: int = 0  # attempts up to this sequence no longer count
    bounces: tuple[int, ...] = ()  # sequences of the later attempts that bounced hard, ascending
    keyword: str | None = None  # the last `stop` or `start` the contact wrote
    keyword_at: int = 0
    said: Subscription | None = None  # the last subscription that anyone said but the contact by a keyword
    said_at: int = 0


class Attempted(NamedTuple):
    """Which attempt a receipt tells of: its sequence, and whether it went to the contact's number of then."""

    sequence: int
    own: bool


initial: Final = State()


def evolve(state: State, fact: Fact, attempted: Attempted | None = None) -> State:
    """Fold one fact of this contact. `attempted` matters to receipts only (the number they tell of)."""
    data = fact.data
    sequence = fact.sequence
    if isinstance(data, FieldsChanged):
        fields = {**state.fields, **data.set}
        for name in data.removed:
            fields.pop(name, None)
        # As `_replace(sequence=sequence, fields=fields, erased=False)`, for half its cost on the hottest path there is.
        return State._make((sequence, *state[1:4], fields, False, *state[6:]))
    if type(data) not in _CHANGING:  # a send's, say
        return State._make((sequence, *state[1:]))
    if isinstance(data, PhoneChanged):
        return state._replace(
            sequence=sequence, phone=data.to, phone_sequence=sequence, phone_at=fact.time, bounces_from=sequence,
            bounces=(), erased=False,
        )  # fmt: skip
    if isinstance(data, PhoneStatusChanged):
        state = state._replace(sequence=sequence, phone_status=data.to, status_at=fact.time)
        if data.to == "active" and data.reason not in ("delivered", "phone_changed"):
            return state._replace(bounces_from=sequence, bounces=())  # someone vouches for the number
        return state
    if isinstance(data, SubscriptionChanged):
        state = state._replace(sequence=sequence, subscription=data.to, subscription_at=fact.time)
        if data.via == "keyword" and data.by is None:
            return state
        opted_out = data.via in ("link", "keyword")  # which does not bring back what was erased
        return state._replace(said=data.to, said_at=fact.time, erased=state.erased and opted_out)
    if isinstance(data, MessageStateChanged):
        state = State._make((sequence, *state[1:]))
        return state if attempted is None else _told(state, data, attempted)
    if isinstance(data, InboundReceived):
        if (
            attempted is not None
            and heeds(state, attempted, data.keyword)
            and newer_word(state, data.keyword, fact.time)
        ):
            return state._replace(sequence=sequence, keyword=data.keyword, keyword_at=fact.time)
        return state._replace(sequence=sequence)
    assert isinstance(data, ContactErased)
    return State(sequence=sequence, erased=True, phone_sequence=sequence, phone_at=fact.time, status_at=fact.time,
                 subscription_at=fact.time, bounces_from=sequence)  # fmt: skip


# Whose facts change more of a contact than its sequence.
_CHANGING: Final = frozenset({
    FieldsChanged, PhoneChanged, PhoneStatusChanged, SubscriptionChanged, MessageStateChanged, InboundReceived,
    ContactErased,
})  # fmt: skip


def _told(state: State, data: MessageStateChanged, attempted: Attempted) -> State:
    """Hard bounces are counted in the order of the attempts, back to the last one that was delivered: whatever the
    order in which the receipts come, the same ones make the same count."""
    at = attempted.sequence
    if not concerns(state, attempted):
        return state
    if data.to == "delivered":
        start = max(at, state.bounces_from)
        return state._replace(bounces_from=start, bounces=tuple(n for n in state.bounces if n > start))
    if data.bounce == "hard" and at > state.bounces_from and at not in state.bounces:
        return state._replace(bounces=tuple(sorted((*state.bounces, at)))[-KEPT_BOUNCES:])
    return state


def concerns(state: State, attempted: Attempted) -> bool:
    """Did that attempt go to the contact's present number?"""
    return attempted.own and state.phone is not None and attempted.sequence > state.phone_sequence


def bounced(state: State, in_a_row: int) -> bool:
    """Has the present number bounced hard so many times in a row?"""
    return len(state.bounces) >= in_a_row


def subscription(state: State, default: Subscription) -> Subscription:
    """What counts: what was said last, else the account's default."""
    return state.subscription or default


def heeds(state: State, attempted: Attempted, keyword: str | None) -> bool:
    """Does a word count that was written in reply to that attempt? An opt-out does from any number the contact had, an
    opt-in from the present one, and neither in reply to an alert."""
    return attempted.own if keyword == "stop" else keyword == "start" and concerns(state, attempted)


def wished(state: State, keyword: str | None, at: int, default: Subscription) -> Subscription:
    """The subscription that the contact's last word makes. An opt-in that is older than what else was said undoes the
    opt-outs before it, and no more than these."""
    if keyword == "stop":
        return "unsubscribed"
    return "subscribed" if at >= state.said_at else state.said or default


def newer_word(state: State, keyword: str | None, at: int) -> bool:
    """Is this the contact's last word, among words of both kinds that may come in any order? Of two words of the same
    moment `stop` is the last."""
    if state.keyword is None:
        return True
    return (at, keyword == "stop") > (state.keyword_at, state.keyword == "stop")


# --- older records, moved here from another partition ---------------------------------------------------------------

_CONSENT: Final[Mapping[str, int]] = {"unsubscribed": 0, "none": 1, "subscribed": 2}
_STATUS: Final[Mapping[str, int]] = {"paused": 0, "bounced": 1, "active": 2}


def loosens_consent(before: Subscription, after: Subscription) -> bool:
    """May we write more after the change than before it?"""
    return _CONSENT[after] > _CONSENT[before]


def loosens_status(before: PhoneStatus | None, after: PhoneStatus | None) -> bool:
    """Likewise for the phone's status."""
    return before is not None and after is not None and _STATUS[after] > _STATUS[before]

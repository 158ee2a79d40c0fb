"""One send request and its attempts, as later decisions need them.

A message's state only ever rises (`RANKS`), so receipts in any order and any number of times end alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from events.callback import Provider
from events.cipher import Cipher
from events.fact import Fact
from events.message import Bounce, InboundReceived, LinkClicked, MessageStateChanged
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendSkipped,
    SendUnknown,
)
from events.shape import Class

__all__ = ["ENDS", "RANKS", "Attempt", "Call", "MessageFacts", "Outcome", "Phase", "State", "evolve", "initial"]

Phase = Literal["new", "deferred", "open", "unknown", "accepted", "refused", "skipped", "given_up"]
Outcome = Literal["open", "unknown", "accepted", "refused", "given_up"]
MessageFacts = (
    SendSkipped | SendDeferred | SendAttempted | SendAccepted | SendRefused | SendUnknown | SendGivenUp
    | MessageStateChanged
)  # fmt: skip

KEPT_ATTEMPTS: Final = 8  # the newest: one that a receipt can still settle is hardly ever older
CLOSE_AFTER: Final = 72 * 3_600_000  # ms; the provider's `unknown` that nothing follows: instasent.md, section 3

# The order of the states a message can reach. Where two ends are reported, the higher one stands, whichever came first.
RANKS: Final[Mapping[str, int]] = {
    "pending": 0, "accepted": 1, "sent": 2, "unknown": 3, "canceled": 4, "expired": 5, "failed": 6, "delivered": 9,
}  # fmt: skip
ENDS: Final = frozenset({"canceled", "expired", "failed", "delivered"})


@dataclass(frozen=True, slots=True)
class Call:
    """What the sender needs to make the one call that a committed attempt permits. `to` is E.164 with +."""

    account: str
    subject: str
    partition: int
    send_id: str
    send_hash: str
    attempt: int
    client_id: str
    class_: Class
    to: str
    sender: str
    text: str
    encoding: Literal["GSM-7", "UCS-2"]
    provider: Provider = "instasent"
    fallback: bool = False  # through the account's second connector
    cipher: Cipher | None = field(
        default=None, repr=False, compare=False
    )  # the contact's: the answer's words are sealed

    @classmethod
    def of(
        cls, attempted: SendAttempted, subject: str, partition: int, hashed: str, cipher: Cipher | None = None
    ) -> "Call":
        """The call that this fact permits, its values in clear."""
        return cls(
            subject.partition("/")[0], subject, partition, attempted.send_id, hashed, attempted.attempt,
            attempted.client_id, attempted.class_, attempted.to, attempted.sender, attempted.text, attempted.encoding,
            attempted.provider, attempted.fallback, cipher,
        )  # fmt: skip


class Attempt(NamedTuple):
    """One attempt: `sequence` is that of its fact, and so the order of a contact's attempts.

    `own` says that it went to the number which the contact then had; `provider_id` is the provider's name for it, which
    its list is asked by. NOTE: stored as a JSON array in this order, as State is.
    """

    number: int
    sequence: int
    own: bool
    outcome: Outcome = "open"
    state: str = "pending"
    bounce: Bounce | None = None
    provider_id: str | None = None
    provider: Provider = "instasent"
    fallback: bool = False


class State(NamedTuple):
    """A send. NOTE: stored as a JSON array in this order; append new fields with a default, never reorder."""

    subject: str = ""
    send_id: str = ""
    class_: Class = "transactional"
    body: str = ""  # digest of what was asked for, to tell a repetition from another body under the same id
    phase: Phase = "new"
    due: int = 0  # when its timer fires, ms; 0 for no timer
    requested_at: int = 0  # the request's own time, ms
    changed_at: int = 0  # time of its last fact, ms
    tried: int = 0  # attempts so far
    attempts: tuple[Attempt, ...] = ()
    request: Mapping[str, Any] | None = None  # kept while another attempt may follow
    counted: str | None = None  # the day of its account, 2026-11-23, on which an attempt last counted; kept likewise

    def attempt(self, number: int) -> Attempt | None:
        """That attempt, or None where it is not known (any more)."""
        for attempt in reversed(self.attempts):
            if attempt.number == number:
                return attempt
        return None

    @property
    def finished(self) -> bool:
        """Nothing is pending: only a late receipt can still say something."""
        return self.due == 0 and self.phase not in ("new", "open", "deferred", "unknown")

    def holds(self, day: str) -> bool:
        """Has it a place of that day which no SMS took? Then another attempt needs none. The latest attempt has the
        place of all that were refused before it, and one that may have gone uses it up."""
        return self.counted == day and self.attempts[-1].outcome == "refused"

    @property
    def reached(self) -> bool:
        """Does some attempt bear evidence that the provider took it? Then none may follow."""
        return any(a.outcome == "accepted" or a.state != "pending" for a in self.attempts)


initial: Final = State()


def outranks(state: str, bounce: str | None, attempt: Attempt) -> bool:
    """Does this news move the attempt's message on? Of two bounces the hard one stands."""
    rank, known = RANKS[state], RANKS[attempt.state]
    return rank > known or (rank == known and _HARDNESS[bounce] > _HARDNESS[attempt.bounce])


_HARDNESS: Final[Mapping[str | None, int]] = {None: 0, "soft": 1, "hard": 2}


def evolve(state: State, fact: Fact, own: bool = False) -> State:
    """Fold one fact about this send. `own` as in Attempt: `journal.evolve` reads it from the contact."""
    data = fact.data
    match data:
        case SendSkipped():
            return _begun(state, fact, data)._replace(phase="skipped", due=0, request=None)
        case SendDeferred():
            return _begun(state, fact, data)._replace(phase="deferred", due=data.until, request=data.request)
        case SendAttempted():
            attempt = Attempt(data.attempt, fact.sequence, own, provider=data.provider, fallback=data.fallback)
            attempts = (*state.attempts, attempt)[-KEPT_ATTEMPTS:]
            begun, day = _begun(state, fact, data), data.day or state.counted
            # As `_replace`, here and below, for a quarter of its cost: every send comes this way.
            return State._make((*begun[:4], "open", 0, *begun[6:8], data.attempt, attempts, data.request, day))
        case SendAccepted():
            attempts = _settled(state, data.attempt, "accepted", data.provider_id)
            settled = ("accepted", 0, state.requested_at, fact.time, state.tried, attempts, None, None)
            return State._make((*state[:4], *settled))
        case SendRefused():
            attempts = _settled(state, data.attempt, "refused")
            request = None if data.final else state.request
            return state._replace(phase="refused", due=0, request=request, changed_at=fact.time, attempts=attempts)
        case SendUnknown():
            attempts = _settled(state, data.attempt, "unknown")
            return state._replace(phase="unknown", due=data.resolve_by, changed_at=fact.time, attempts=attempts)
        case SendGivenUp():
            attempts = _settled(state, data.attempt, "given_up")
            return state._replace(phase="given_up", due=0, changed_at=fact.time, attempts=attempts)
        case MessageStateChanged():
            return _moved(state, data, fact.time)
        case InboundReceived() | LinkClicked():
            return state
        case _:
            raise TypeError(f"{fact.type} is no fact about a send")


def _begun(state: State, fact: Fact, data: SendSkipped | SendDeferred | SendAttempted) -> State:
    if state.send_id:
        return state._replace(changed_at=fact.time)
    requested_at = fact.time if isinstance(data, SendSkipped) else data.requested_at
    return State(fact.subject, data.send_id, data.class_, data.body, requested_at=requested_at, changed_at=fact.time)


def _settled(state: State, number: int, outcome: Outcome, provider_id: str | None = None) -> tuple[Attempt, ...]:
    return tuple(
        Attempt._make((*a[:3], outcome, *a[4:6], provider_id or a.provider_id, *a[7:])) if a.number == number else a
        for a in state.attempts
    )


def _moved(state: State, data: MessageStateChanged, time: int) -> State:
    """A receipt. For an attempt that the provider had refused it is proof of the contrary: no other may follow."""
    attempts = tuple(
        a._replace(state=data.to, bounce=data.bounce) if a.number == data.attempt else a for a in state.attempts
    )
    state = state._replace(attempts=attempts, changed_at=time)
    if state.phase in ("deferred", "refused", "given_up"):
        state = state._replace(phase="accepted", due=0, request=None)
    if data.to in ENDS or data.to == "unknown":
        return state._replace(due=0) if state.phase == "accepted" else state
    if data.status == "unknown" and state.phase == "accepted":
        return state._replace(due=time + CLOSE_AFTER)
    return state

"""What a receipt means for its message and for the contact's phone. Folds projections/send.py and contact.py.

The message only rises in rank, and bounces count in the order of the attempts, so receipts in any order and any number
of times end alike. The table of statuses is instasent.md's, section 3; Twilio's are those of its Messages API.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from events.callback import CallbackReceived, Provider
from events.contact import PhoneStatusChanged
from events.fact import Fact, FactData
from events.message import Bounce, MessageStateChanged
from events.send import SendAccepted
from projections import contact, send
from projections.account import Account
from projections.contact import Attempted

__all__ = ["STATUSES", "TWILIO", "Meaning", "decide", "meaning"]

_HARD_IN_A_ROW: Final = 3


class Meaning(NamedTuple):
    """What one word of the provider says: the message's state (None: unchanged), and whether it is a bounce."""

    state: str | None
    bounce: Bounce | None = None


STATUSES: Final[Mapping[str, Meaning]] = {
    "accepted": Meaning("accepted"),
    "enqueued": Meaning("accepted"),
    "scheduled": Meaning("accepted"),
    "sent": Meaning("sent"),
    "buffered": Meaning("sent"),
    "delivered": Meaning("delivered"),
    "failed": Meaning("failed", "hard"),
    "rejected": Meaning("failed", "soft"),
    "error": Meaning("failed", "soft"),
    "expired": Meaning("expired", "soft"),
    "canceled": Meaning("canceled"),
    "unpaid": Meaning("failed"),
    "unknown": Meaning(None),
    "stop": Meaning(None),
}
TWILIO: Final[Mapping[str, Meaning]] = {
    "accepted": Meaning("accepted"),
    "scheduled": Meaning("accepted"),
    "queued": Meaning("accepted"),
    "sending": Meaning("accepted"),
    "sent": Meaning("sent"),
    "delivered": Meaning("delivered"),
    "read": Meaning("delivered"),
    "undelivered": Meaning("failed", "soft"),
    "failed": Meaning("failed", "soft"),
    "canceled": Meaning("canceled"),
}
_TWILIO_HARD: Final = frozenset((30005, 30006))  # no such handset; a landline, or a carrier that cannot be reached
_BY_PROVIDER: Final[Mapping[Provider, Mapping[str, Meaning]]] = {"instasent": STATUSES, "twilio": TWILIO}
_OURS: Final = Meaning(None)


def meaning(provider: Provider, status: str, code: int | None, account: Account | None) -> Meaning:
    """The provider's table, but for what the account says of a status and code that mean that it failed."""
    known = _BY_PROVIDER[provider].get(status, _OURS)
    if known.state not in ("failed", "expired"):
        return known
    said: Bounce | None = "hard" if provider == "twilio" and code in _TWILIO_HARD else None
    if account is not None:
        said = account.bounces.codes.get(f"{status}:{code}", said)
    return known if said is None else Meaning(known.state, said)


def decide(
    data: CallbackReceived, sent: send.State, number: int, owner: contact.State, account: Account | None, now: int
) -> list[FactData]:
    """Facts of a receipt for an attempt that is known. A receipt proves that the provider took the attempt."""
    attempt = sent.attempt(number)
    if attempt is None:
        return []
    facts: list[FactData] = []
    if attempt.outcome in ("open", "unknown", "given_up"):
        facts.append(SendAccepted(sent.send_id, number, data.provider_id))
    status = (data.status or "").strip().lower()
    known = attempt.state if attempt.state != "pending" else "accepted"
    moved = _moved(data, status, sent, attempt, known, account)
    if moved is None:
        return facts
    facts.append(moved)
    phone = _phone(moved, Attempted(attempt.sequence, attempt.own), owner, account, now)
    if phone is not None:
        facts.append(phone)
    return facts


def _moved(
    data: CallbackReceived, status: str, sent: send.State, attempt: send.Attempt, known: str, account: Account | None
) -> MessageStateChanged | None:
    """How the message moves on. A word that moves nothing but that we do not know is kept as a fact all the same."""
    meant = meaning(data.provider, status, data.code, account)
    state, bounce = meant.state, meant.bounce
    if state is None:
        if not status or status == "stop" or known in send.ENDS:
            return None
        state, bounce = known, attempt.bounce
    elif not send.outranks(state, bounce, attempt):
        return None
    return MessageStateChanged(sent.send_id, attempt.number, known, state, status, data.code, data.event_at, bounce)


def _phone(
    moved: MessageStateChanged, attempted: Attempted, owner: contact.State, account: Account | None, now: int
) -> PhoneStatusChanged | None:
    """Does the phone's status follow? Nothing that a receipt says lifts a pause."""
    if not contact.concerns(owner, attempted):
        return None
    after = contact.evolve(owner, Fact("", owner.sequence, now, "", "", moved), attempted)
    bounced = contact.bounced(after, account.bounces.hard_in_a_row if account else _HARD_IN_A_ROW)
    if bounced and owner.phone_status == "active":
        return PhoneStatusChanged("active", "bounced", "bounces")
    if not bounced and owner.phone_status == "bounced" and moved.to == "delivered":
        return PhoneStatusChanged("bounced", "active", "delivered")
    return None

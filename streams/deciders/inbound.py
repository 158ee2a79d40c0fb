"""What a contact's reply means. Folds projections/contact.py.

Replies may come in any order: of two words that contradict each other the one said later stands, and `stop` where they
were said in the same moment. A reply to an alert is kept, and changes no contact.
"""

from events.account import Keywords
from events.callback import CallbackReceived
from events.contact import SubscriptionChanged
from events.fact import FactData
from events.message import InboundReceived
from projections import contact
from projections.account import Account
from projections.contact import Attempted
from projections.keyword import Keyword, keyword

__all__ = ["decide", "evidence", "insists", "reaches_number", "said_at"]

_BUILT_IN = Keywords()


def said_at(data: CallbackReceived) -> int:
    """When it was said, ms: the provider's time, but not later than we heard it; the same for a repeated callback
    that bears a time."""
    return data.received_at if data.event_at is None else min(data.event_at, data.received_at)


def insists(data: CallbackReceived, attempted: Attempted, owner: contact.State, account: Account | None) -> bool:
    """Is what looks like an earlier reply an opt-out said again? Without a time nothing tells it from a repeated
    callback, and of the two mistakes the one that texts nobody is made."""
    if data.event_at is not None or _word(data, account) != "stop" or not contact.heeds(owner, attempted, "stop"):
        return False
    return contact.subscription(owner, account.default_subscription if account else "none") != "unsubscribed"


def decide(
    data: CallbackReceived, send_id: str, attempt: int, attempted: Attempted, owner: contact.State,
    account: Account | None,
) -> list[FactData]:  # fmt: skip
    """Facts of a reply, none where the callback is a mere receipt. `stop` counts as an opt-out whatever the text.

    An opt-out counts for every number the contact had, an opt-in for the present one only.
    """
    text, word = data.message or "", _word(data, account)
    if not text and word is None:
        return []
    facts: list[FactData] = [InboundReceived("" if owner.erased else text, word, send_id, attempt)]
    if not contact.heeds(owner, attempted, word) or not contact.newer_word(owner, word, said_at(data)):
        return facts
    default = account.default_subscription if account else "none"
    before = contact.subscription(owner, default)
    after = contact.wished(owner, word, said_at(data), default)
    if after != before or (word == "stop" and owner.subscription is None):
        facts.append(SubscriptionChanged(before, after, "keyword", evidence(data)))
    return facts


def _word(data: CallbackReceived, account: Account | None) -> Keyword | None:
    if (data.status or "").strip().lower() == "stop":
        return "stop"
    return keyword(data.message, account.keywords if account else _BUILT_IN) if data.message else None


def reaches_number(said: list[FactData], attempted: Attempted, owner: contact.State) -> bool:
    """Does a reply opt out the number that it came from? One to an SMS to a former number does not tell which."""
    stopped = any(isinstance(data, InboundReceived) and data.keyword == "stop" for data in said)
    return stopped and contact.concerns(owner, attempted)


def evidence(data: CallbackReceived) -> str:
    """What proves the change, for people: the word as it was written."""
    text = data.message or ""
    return f"replied {text.strip()[:64]!r}" if text.strip() else "the provider reported an opt-out"

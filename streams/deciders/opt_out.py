"""What an opt-out means that no reply of the contact itself brought: by link, or by a number that two contacts have.
Folds projections/contact.py.

An opt-out is always heeded, however old and in whatever order: it never loosens consent.
"""

from typing import Literal

from events.contact import SubscriptionChanged
from events.fact import FactData
from events.opt_out import NumberOptedOut, hash_number
from projections import contact
from projections.account import Account
from projections.contact import State

__all__ = ["by_link", "by_number", "spread"]


def by_link(state: State, account: Account | None, evidence: str) -> list[FactData]:
    """The contact, or whoever holds its SMS, pressed the button of the opt-out page. Pressed again: nothing."""
    return _unsubscribed(state, account, "link", evidence, None)


def by_number(data: NumberOptedOut, by: str, state: State, account: Account | None) -> list[FactData]:
    """Another contact, `by`, with the same number opted out."""
    return _unsubscribed(state, account, data.via, data.evidence, by)


def spread(
    account: str, state: State, via: Literal["keyword", "link"], evidence: str, key: bytes = b""
) -> NumberOptedOut | None:
    """What the other contacts with the number are told; None where the contact has none. `key` is that of the hash."""
    if state.phone is None:
        return None
    return NumberOptedOut(number=hash_number(account, state.phone, key), via=via, evidence=evidence)


def _unsubscribed(
    state: State, account: Account | None, via: Literal["keyword", "link"], evidence: str, by: str | None
) -> list[FactData]:
    """Recorded also where it equals the account's default, which may change, or the contact's own keyword, which a
    later one may undo."""
    before = contact.subscription(state, account.default_subscription if account else "none")
    if before == "unsubscribed" and state.said == "unsubscribed":
        return []
    return [SubscriptionChanged(before, "unsubscribed", via, evidence, by)]

"""Sends that wait for their account's sake, and those whose outcome nobody knows: where an operator sees that a
provider cannot be called, is slow, or does not tell."""

from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from connectors.readmodel.reasons import OPENING, SLOW, WITHHELD
from connectors.readmodel.schema import messages

__all__ = ["Unknown", "Waiting", "unknown", "waiting"]


class Waiting(NamedTuple):
    """How many of an account's sends wait for one reason (`rate`, `circuit`; `slow`: its calls take long, and others
    need the slots; or, where nothing is known of the provider, `withheld`: a worker made no call, `opening`: the day's
    SMS are being shared out); times in ms."""

    account: str
    reason: str
    sends: int
    since: int  # when the first of them was put off the last time
    until: int  # when the last of them asks again


def waiting(connection: Connection) -> list[Waiting]:
    """By account and reason, in order."""
    count = func.count()
    said = messages.c.detail
    words = ((said == WITHHELD, "withheld"), (said == OPENING, "opening"), (said == SLOW, "slow"))
    reason = case(*words, else_=messages.c.reason).label("reason")
    query = (
        select(
            messages.c.account, reason, count, func.min(messages.c.updated_at),
            func.max(messages.c.deferred_until),
        )
        .where(messages.c.outcome == "deferred", messages.c.reason.in_(("rate", "circuit")))
        .group_by(messages.c.account, reason)
        .order_by(messages.c.account, reason)
    )  # fmt: skip
    return [Waiting(*row) for row in connection.execute(query)]


class Unknown(NamedTuple):
    """How many of an account's sends may have gone or not, and since when the first of them, ms."""

    account: str
    sends: int
    since: int


def unknown(connection: Connection) -> list[Unknown]:
    """By account, in order."""
    query = (
        select(messages.c.account, func.count(), func.min(messages.c.updated_at))
        .where(messages.c.outcome == "unknown")
        .group_by(messages.c.account)
        .order_by(messages.c.account)
    )
    return [Unknown(*row) for row in connection.execute(query)]

"""The rules by which attempts that nobody knows of are looked for in the provider's own list. Pure.

One sweep of an account's list settles all of its unknown attempts that it has. What it does not have, it says nothing
about, ever: "not found" is no proof (design.md, section 3).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from connectors.carriers.base import Listed, NotListed, Page, RateHeaders
from projections.unsettled import Unsettled

__all__ = [
    "ASK_EVERY", "BUDGET", "FIRST", "LONGEST", "Plan", "Trail", "alike", "ask_again", "followed", "named", "noticed",
    "refused", "swept",
]  # fmt: skip

FIRST: Final = 30_000  # ms between an unknown outcome and the first look, which a receipt mostly makes needless
LONGEST: Final = 15 * 60_000
BUDGET: Final = 20  # pages of one sweep: at most 40 requests a minute of an account's own limit for its list
_SPARED: Final = 10  # the part of what the provider allows in a window that a sweep leaves to others: one in ten
_CLOCKS: Final = 3_600_000  # ms by which the provider's clock may be wrong without a message being missed
_NEAR: Final = (10_000, 60_000)  # ms before and after an attempt, within which a message that looks like it was made

ASK_EVERY: Final = 6 * 3_600_000


# --- when ----------------------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """When an account's list is looked at next (ms), how long it was waited for, at which page to go on (None: at the
    first), and the unknown attempts known so far."""

    due: int
    wait: int = FIRST
    cursor: str | None = None
    known: frozenset[str] = frozenset()


def noticed(plan: Plan | None, client_ids: frozenset[str], now: int) -> Plan:
    """The plan for these unknown attempts: a new one is looked for within `FIRST`."""
    if plan is None or not client_ids <= plan.known:
        due = now + FIRST if plan is None else min(plan.due, now + FIRST)
        return Plan(due, FIRST, plan.cursor if plan is not None else None, client_ids)
    return plan._replace(known=client_ids)


def swept(plan: Plan, following: str | None, now: int) -> Plan:
    """After a sweep: one that its budget ended goes on soon where it stopped, else the next is later than the last."""
    if following is not None:
        return plan._replace(due=now + FIRST, cursor=following)
    wait = min(LONGEST, plan.wait * 2)
    return plan._replace(due=now + wait, wait=wait, cursor=None)


def refused(plan: Plan, answer: NotListed, now: int) -> Plan:
    """After a list that was not to be had. What only a person can mend is not asked for often."""
    if answer.scope == "account":
        return plan._replace(due=now + LONGEST, wait=LONGEST, cursor=None)
    wait = min(LONGEST, plan.wait * 2)
    if answer.scope == "rate":
        return plan._replace(due=now + max(answer.rate.wait(now) or 0, wait), wait=wait)
    return plan._replace(due=now + wait, wait=wait, cursor=None)


# --- how far -------------------------------------------------------------------------------------------------------


class Trail(NamedTuple):
    """What a sweep has seen so far. `descending` holds while each message bore a time and none was later than the one
    before; `last` is the last time."""

    pages: int = 0
    names: frozenset[str] = frozenset()
    descending: bool = True
    last: int | None = None
    ended: Literal["", "end", "repeats", "older", "budget", "spared"] = ""


def followed(trail: Trail, page: Page, oldest: int) -> Trail:
    """The trail with one more page; `ended` says why no further one is asked for, "" that one is. `oldest` is when the
    first of the attempts looked for was made.

    The list's order is not documented, so only what is seen of it counts: an end before `oldest` ends the sweep where
    all that came before was in the order of time.
    """
    names = frozenset(item.provider_id for item in page.items)
    descending, last = trail.descending, trail.last
    for item in page.items:
        descending = descending and item.created_at is not None and (last is None or item.created_at <= last)
        last = item.created_at
    after = Trail(trail.pages + 1, trail.names | names, descending, last)
    if page.following is None:
        return after._replace(ended="end")
    if names and names <= trail.names:
        return after._replace(ended="repeats")  # a provider that ignores the page would be asked for ever
    if descending and last is not None and last < oldest - _CLOCKS:
        return after._replace(ended="older")
    if after.pages >= BUDGET:
        return after._replace(ended="budget")
    return after._replace(ended="spared") if _scarce(page.rate) else after


def _scarce(rate: RateHeaders) -> bool:
    return rate.limit is not None and rate.remaining is not None and rate.remaining * _SPARED <= rate.limit


# --- what ----------------------------------------------------------------------------------------------------------


def named(items: Iterable[Listed], wanted: Mapping[str, Unsettled]) -> list[tuple[Unsettled, Listed]]:
    """What a page settles: the attempts (by client id) that it names, each once. Nothing else is read off it."""
    found: dict[str, tuple[Unsettled, Listed]] = {}
    for item in items:
        if item.client_id is not None and item.client_id in wanted and item.client_id not in found:
            found[item.client_id] = wanted[item.client_id], item
    return list(found.values())


def alike(items: Sequence[Listed], wanted: Sequence[Unsettled]) -> list[tuple[Unsettled, Listed]]:
    """What a whole sweep settles of a provider whose list bears no client ids: the message that looks like an attempt
    and was made near it, where it is the only one, and the attempt is the only one that it looks like."""
    looks: dict[str, dict[str, Listed]] = {}
    for item in items:
        if item.likeness is not None:
            looks.setdefault(item.likeness, {})[item.provider_id] = item
    pairs = [
        (attempt, item)
        for attempt in wanted
        if attempt.likeness is not None
        for item in looks.get(attempt.likeness, {}).values()
        if _near(attempt, item)
    ]
    attempts = Counter(attempt.client_id for attempt, _ in pairs)
    names = Counter(item.provider_id for _, item in pairs)
    return [(one, item) for one, item in pairs if attempts[one.client_id] == names[item.provider_id] == 1]


def _near(attempt: Unsettled, item: Listed) -> bool:
    if item.created_at is None:
        return False
    return attempt.made_at - _NEAR[0] <= item.created_at <= attempt.made_at + _NEAR[1]


# --- messages whose receipts do not come ---------------------------------------------------------------------------


def ask_again(asked_at: int | None, now: int) -> bool:
    """May the provider be asked about the same message (again)?"""
    return asked_at is None or now - asked_at >= ASK_EVERY

"""When a provider's list is looked at, how far, and what is read off it: each rule with its table."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.base import NOT_SAID, Listed, NotListed, Page, RateHeaders
from projections.unsettled import Unsettled
from streams.reconciliation import (
    ASK_EVERY,
    BUDGET,
    FIRST,
    LONGEST,
    Plan,
    Trail,
    alike,
    ask_again,
    followed,
    named,
    noticed,
    refused,
    swept,
)
from tests.streams.memory_world import NOON

HOUR = 3_600_000
A, B, AB = frozenset({"a"}), frozenset({"b"}), frozenset({"a", "b"})


def attempt(name: str, made_at: int = NOON, likeness: str | None = None) -> Unsettled:
    return Unsettled("acme", f"acme/{name}", 1, name, 1, name, made_at, likeness=likeness)


# --- when ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "client_ids", "expected"),
    [
        (None, A, Plan(NOON + FIRST, FIRST, None, A)),
        (Plan(NOON + 5, LONGEST, None, A), A, Plan(NOON + 5, LONGEST, None, A)),
        (Plan(NOON + LONGEST, LONGEST, None, A), AB, Plan(NOON + FIRST, FIRST, None, AB)),
        (Plan(NOON + 5, LONGEST, "3", A), AB, Plan(NOON + 5, FIRST, "3", AB)),
        (Plan(NOON + LONGEST, LONGEST, None, AB), A, Plan(NOON + LONGEST, LONGEST, None, A)),
    ],
    ids=["the first", "nothing new", "a new one", "a new one in the middle of a long list", "one was settled"],
)
def test_a_new_unknown_attempt_is_looked_for_within_half_a_minute(
    plan: Plan | None, client_ids: frozenset[str], expected: Plan
) -> None:
    assert noticed(plan, client_ids, NOON) == expected


def test_the_waits_between_sweeps_grow_from_half_a_minute_to_a_quarter_of_an_hour() -> None:
    plan, now, waits = noticed(None, A, NOON), NOON, []
    for _ in range(8):
        waits.append((plan.due - now) // 1000)
        now = plan.due
        plan = swept(noticed(plan, A, now), None, now)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_sweep_that_its_budget_ended_goes_on_where_it_stopped() -> None:
    assert swept(Plan(NOON, 240_000, None, A), "21", NOON) == Plan(NOON + FIRST, 240_000, "21", A)


@pytest.mark.parametrize(
    ("answer", "wait", "cursor"),
    [
        (NotListed("HTTP 500"), 2 * FIRST, None),
        (NotListed("HTTP 401", "account"), LONGEST, None),
        (NotListed("", "rate"), 2 * FIRST, "7"),
        (NotListed("", "rate", RateHeaders(reset_at=NOON + 100_000)), 100_000, "7"),
        (NotListed("", "rate", RateHeaders(reset_at=NOON + HOUR)), 120_000, "7"),
        (NotListed("", "rate", RateHeaders(reset_at=NOON - HOUR)), 2 * FIRST, "7"),
    ],
)
def test_a_list_that_is_not_to_be_had_is_asked_for_later(answer: NotListed, wait: int, cursor: str | None) -> None:
    plan = refused(Plan(NOON, FIRST, "7", A), answer, NOON)
    assert (plan.due - NOON, plan.cursor, plan.known) == (wait, cursor, A)


def test_no_wait_grows_beyond_the_longest() -> None:
    plan = Plan(NOON, FIRST, None, A)
    for _ in range(20):
        plan = refused(plan, NotListed("HTTP 500"), NOON)
    assert plan.due == NOON + LONGEST


# --- how far -------------------------------------------------------------------------------------------------------


def page(*times: int | None, following: str | None = "2", first: int = 0, rate: RateHeaders = NOT_SAID) -> Page:
    items = tuple(Listed(None, f"id-{first + n}", created_at=at) for n, at in enumerate(times))
    return Page(items, following, rate)


OLD = NOON - 2 * HOUR
SEEN = followed(Trail(), page(NOON, NOON), NOON)


class Walk(NamedTuple):
    trail: Trail
    page: Page
    ended: str


WALKS = {
    "more may follow": Walk(Trail(), page(NOON, NOON - 1), ""),
    "the list ends": Walk(Trail(), page(following=None), "end"),
    "a page of what nobody can read": Walk(Trail(), page(), ""),
    "the same page comes again": Walk(SEEN, page(NOON, NOON), "repeats"),
    "a page overlaps the last one": Walk(SEEN, page(NOON, NOON, first=1), ""),
    "the rest is older than all that is looked for": Walk(Trail(), page(NOON, OLD), "older"),
    "it would be older, were the order that of time": Walk(Trail(), page(OLD - 1, OLD), ""),
    "it would be older, did all bear a time": Walk(Trail(), page(NOON, None, OLD), ""),
    "the order was another on an earlier page": Walk(
        followed(Trail(), page(NOON - 2, NOON - 1), NOON), page(OLD, first=5), ""
    ),
    "a clock that is wrong by less than an hour": Walk(Trail(), page(NOON - HOUR), ""),
    "the budget is used up": Walk(Trail(pages=BUDGET - 1), page(NOON), "budget"),
    "the end on the last page of the budget": Walk(Trail(pages=BUDGET - 1), page(following=None), "end"),
    "little is left of what the provider allows": Walk(Trail(), page(NOON, rate=RateHeaders(1200, 120)), "spared"),
    "enough is left": Walk(Trail(), page(NOON, rate=RateHeaders(1200, 121)), ""),
}


@pytest.mark.parametrize("name", WALKS)
def test_a_sweep_ends_where_nothing_more_can_come_or_its_budget_is_used_up(name: str) -> None:
    walk = WALKS[name]
    assert followed(walk.trail, walk.page, NOON).ended == walk.ended


@given(st.lists(st.lists(st.integers(0, 50), max_size=4), max_size=60))
def test_every_sweep_ends_within_its_budget(pages: list[list[int]]) -> None:
    trail, asked = Trail(), 0
    while not trail.ended:
        names = pages[asked % len(pages)] if pages else []
        trail = followed(trail, Page(tuple(Listed(None, str(name)) for name in names), "more"), NOON)
        asked += 1
    assert asked <= BUDGET


# --- what ----------------------------------------------------------------------------------------------------------


def test_a_listed_message_settles_the_attempt_whose_client_id_it_bears_and_no_other() -> None:
    wanted = {name: attempt(name) for name in "abc"}
    items = [Listed("a", "1"), Listed(None, "2"), Listed("x", "3"), Listed("c", "4", "failed"), Listed("c", "5")]
    assert named(items, wanted) == [(wanted["a"], items[0]), (wanted["c"], items[3])]


def test_nothing_is_settled_by_not_being_listed() -> None:
    assert named([], {"a": attempt("a")}) == []
    assert alike([], [attempt("a", likeness="x")]) == []


class Look(NamedTuple):
    wanted: list[Unsettled]
    items: list[Listed]
    settled: dict[str, str]


def looks(provider_id: str, likeness: str | None = "x", created_at: int | None = NOON) -> Listed:
    return Listed(None, provider_id, "sent", None, created_at, likeness)


LOOKS = {
    "the only one that looks like it": Look([attempt("a", likeness="x")], [looks("1"), looks("2", "y")], {"a": "1"}),
    "the same one on two pages": Look([attempt("a", likeness="x")], [looks("1"), looks("1")], {"a": "1"}),
    "two that look like it": Look([attempt("a", likeness="x")], [looks("1"), looks("2")], {}),
    "one that two attempts look like": Look([attempt("a", likeness="x"), attempt("b", likeness="x")], [looks("1")], {}),
    "two that look like it, one of another day": Look(
        [attempt("a", likeness="x")], [looks("1"), looks("2", created_at=NOON - 24 * HOUR)], {"a": "1"}
    ),
    "made before the attempt": Look([attempt("a", likeness="x")], [looks("1", created_at=NOON - 10_001)], {}),
    "made within the clocks": Look([attempt("a", likeness="x")], [looks("1", created_at=NOON - 10_000)], {"a": "1"}),
    "made within the call": Look([attempt("a", likeness="x")], [looks("1", created_at=NOON + 60_000)], {"a": "1"}),
    "made after the call": Look([attempt("a", likeness="x")], [looks("1", created_at=NOON + 60_001)], {}),
    "of no time": Look([attempt("a", likeness="x")], [looks("1", created_at=None)], {}),
    "an attempt that has no likeness": Look([attempt("a")], [looks("1", None)], {}),
    "two attempts and two messages apart": Look(
        [attempt("a", likeness="x"), attempt("b", likeness="y")], [looks("1"), looks("2", "y")], {"a": "1", "b": "2"}
    ),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_list_without_client_ids_settles_only_what_is_alike_beyond_doubt(name: str) -> None:
    look = LOOKS[name]
    assert {one.client_id: item.provider_id for one, item in alike(look.items, look.wanted)} == look.settled


@pytest.mark.parametrize(
    ("asked_at", "again"), [(None, True), (NOON - ASK_EVERY, True), (NOON - ASK_EVERY + 1, False), (NOON, False)]
)
def test_a_message_without_an_end_is_asked_about_now_and_then(asked_at: int | None, again: bool) -> None:
    assert ask_again(asked_at, NOON) is again

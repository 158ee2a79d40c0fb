"""The token bucket: what a provider allows is not exceeded, a part is kept for passwords, nobody waits in a herd."""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from connectors.carriers.base import NOT_SAID, RateHeaders
from events.shape import Class
from streams.rate import KEPT, UNTOLD, Bucket
from tests.streams.memory_world import NOON

MINUTE = 60_000


@dataclass
class Counting:
    """A provider that counts in windows, as Instasent's headers describe it."""

    limit: int
    window: int = MINUTE
    by_message: bool = False
    used: int = 0
    ends_at: int = 0
    most: int = 0
    spent: dict[Class, int] = field(default_factory=lambda: {"transactional": 0, "newsletter": 0})

    def call(self, class_: Class, messages: int, now: int) -> RateHeaders:
        if now >= self.ends_at:
            self.used, self.ends_at = 0, now + self.window
            self.spent = {"transactional": 0, "newsletter": 0}
        tokens = messages if self.by_message else 1
        self.used += tokens
        self.spent[class_] += tokens
        self.most = max(self.most, self.used)
        return RateHeaders(self.limit, max(0, self.limit - self.used), self.ends_at)


def _told(limit: int, remaining: int | None = None, now: int = NOON) -> Bucket:
    bucket = Bucket()
    bucket.take("transactional", 1, now, 1.0, waited=False)
    bucket.told(1, RateHeaders(limit, limit - 1 if remaining is None else remaining, now + MINUTE), now, 1.0)
    return bucket


def _judged(limit: int) -> Bucket:
    """As `_told`, and two calls of many have shown that calls are counted."""
    bucket = _told(limit)
    for remaining in (limit - 2, limit - 3):
        bucket.take("newsletter", 100, NOON, 1.0, waited=False)
        bucket.told(100, RateHeaders(limit, remaining, NOON + MINUTE), NOON, 1.0)
    return bucket


def test_where_no_limit_is_told_there_is_none() -> None:
    bucket = Bucket()
    assert all(bucket.take("transactional", 1, NOON, 1.0, waited=False) is None for _ in range(1_000))
    bucket.told(100, NOT_SAID, NOON, 1.0)
    assert all(bucket.take("newsletter", 100, NOON, 1.0, waited=False) is None for _ in range(10_000))


def test_one_call_of_many_at_a_time_is_out_until_it_is_known_what_such_a_call_takes() -> None:
    bucket = Bucket()
    for remaining in (999, 998):
        assert bucket.take("newsletter", 100, NOON, 1.0, waited=False) is None
        for waited in (False, True):
            assert bucket.take("newsletter", 100, NOON, 1.0, waited=waited) == NOON + UNTOLD
        bucket.told(100, RateHeaders(1_000, remaining, NOON + MINUTE), NOON, 1.0)
    assert not bucket.unit.by_message
    assert all(bucket.take("newsletter", 100, NOON, 1.0, waited=False) is None for _ in range(5))


def test_while_it_is_not_known_a_large_account_s_many_small_calls_do_not_wait_for_each_other() -> None:
    """Where passwords are most of what is sent, calls of two or three newsletters show nothing for long."""
    bucket = Bucket()
    bucket.take("newsletter", 3, NOON, 1.0, waited=False)
    bucket.told(3, RateHeaders(600_000, 599_999, NOON + MINUTE), NOON, 1.0)
    for remaining in range(599_998, 599_900, -1):
        assert bucket.take("transactional", 1, NOON, 1.0, waited=False) is None
        bucket.told(1, RateHeaders(600_000, remaining, NOON + MINUTE), NOON, 1.0)
    assert all(bucket.take("newsletter", 3, NOON + 1, 1.0, waited=False) is None for _ in range(100))


def test_a_call_of_one_takes_one_in_any_case_and_waits_for_no_call_of_many() -> None:
    bucket = Bucket()
    assert bucket.take("newsletter", 100, NOON, 1.0, waited=False) is None
    assert bucket.take("transactional", 1, NOON, 1.0, waited=False) is None
    assert bucket.take("newsletter", 1, NOON, 1.0, waited=False) is None


def test_calls_of_one_show_nothing_of_what_is_counted() -> None:
    """A hundred that were out made the passwords wait, as one that was answered meanwhile had shown that calls are."""
    bucket = Bucket()
    bucket.take("newsletter", 100, NOON, 1.0, waited=False)
    bucket.told(100, RateHeaders(1_000, 900, NOON + MINUTE), NOON, 1.0)
    for left in (899, 898, 897):
        bucket.take("newsletter", 1, NOON, 1.0, waited=False)
        bucket.told(1, RateHeaders(1_000, left, NOON + MINUTE), NOON, 1.0)
    assert not bucket.unit.judged
    bucket.take("newsletter", 100, NOON, 1.0, waited=False)
    bucket.told(100, RateHeaders(1_000, 797, NOON + MINUTE), NOON, 1.0)
    assert bucket.unit.by_message


def test_a_provider_that_says_a_limit_and_never_what_remains_is_not_asked_one_by_one_for_ever() -> None:
    bucket = Bucket()
    bucket.take("newsletter", 100, NOON, 1.0, waited=False)
    bucket.told(100, RateHeaders(1_000, None, NOON + MINUTE), NOON, 1.0)
    assert all(bucket.take("newsletter", 100, NOON, 1.0, waited=False) is None for _ in range(5))


def test_an_answer_from_a_window_that_is_over_says_nothing_of_the_next() -> None:
    """A bulk that was answered at the end of a minute, and heard in the next, made passwords wait for its end."""
    bucket = _judged(1_000)
    end = NOON + MINUTE
    assert bucket.take("newsletter", 100, end - 100, 1.0, waited=True) is None
    assert bucket.take("transactional", 1, end + 10, 1.0, waited=False) is None
    bucket.told(100, RateHeaders(1_000, 0, end), end + 50, 1.0)
    assert bucket.take("transactional", 1, end + 50, 1.0, waited=False) is None
    assert not bucket.unit.by_message
    bucket.told(1, RateHeaders(1_000, 3, end + MINUTE), end + 60, 1.0)
    taken = [bucket.take("transactional", 1, end + 60, 1.0, waited=False) for _ in range(4)]
    assert taken.count(None) == 2, "and one of the new window does, but for what is out"


def test_places_in_the_queue_that_were_given_by_calls_are_void_once_messages_turn_out_to_be_counted() -> None:
    bucket, places = Bucket(), []
    for remaining in (900, 800):
        assert bucket.take("newsletter", 100, NOON, 1.0, waited=True) is None
        for _ in range(15):
            ready = bucket.take("newsletter", 100, NOON, 1.0, waited=True)
            assert ready is not None
            places.append(bucket.queue("newsletter", 100, ready, 1.0))
        bucket.told(100, RateHeaders(1_000, remaining, NOON + MINUTE), NOON, 1.0)
    assert bucket.unit.by_message
    assert places[-1] < NOON + 3_000
    gone = sum(bucket.take("newsletter", 100, at, 1.0, waited=True) is None for at in places)
    assert gone <= 1, "a hundred take seven seconds now"


def test_what_is_left_of_a_window_may_be_taken_by_transactional_sends_at_once_and_no_more() -> None:
    bucket = _told(1_000, remaining=20)
    taken = [bucket.take("transactional", 1, NOON, 1.0, waited=False) for _ in range(30)]
    assert taken == [None] * 20 + [NOON + MINUTE] * 10
    assert bucket.take("transactional", 1, NOON + MINUTE, 1.0, waited=True) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_used_to_its_end_whatever_overtakes_what(seed: int) -> None:
    random, provider, bucket = Random(seed), Counting(1_200), Bucket()
    asked, answered, calls = 0, list[RateHeaders](), 0  # not yet with the provider; not yet with us; made in all
    bucket.take("transactional", 1, NOON, 1.0, waited=False)
    bucket.told(1, provider.call("transactional", 1, NOON), NOON, 1.0)
    while True:
        while asked + len(answered) < 256 and bucket.take("transactional", 1, NOON, 1.0, waited=False) is None:
            asked, calls = asked + 1, calls + 1
        if not asked and not answered:
            break
        if asked and random.random() < 0.5:
            asked -= 1
            answered.append(provider.call("transactional", 1, NOON))
        elif answered:
            bucket.told(1, answered.pop(random.randrange(len(answered))), NOON, 1.0)
    assert provider.most == 1_200 == calls + 1


def test_a_worker_takes_its_share_of_what_is_left() -> None:
    bucket = Bucket()
    bucket.take("transactional", 1, NOON, 0.25, waited=False)
    bucket.told(1, RateHeaders(1_000, 999, NOON + MINUTE), NOON, 0.25)
    taken = sum(bucket.take("transactional", 1, NOON, 0.25, waited=False) is None for _ in range(1_000))
    assert taken == 249


def test_newsletters_are_paced_and_queue_each_with_a_later_time() -> None:
    bucket = _judged(1_000)
    now = NOON + 1
    granted, until = 0, []
    for _ in range(200):
        ready = bucket.take("newsletter", 100, now, 1.0, waited=False)
        if ready is None:
            granted += 1
        else:
            until.append(bucket.queue("newsletter", 100, ready, 1.0))
    assert 10 < granted < 20, "what 1,000 a minute allow in a second"
    assert until == sorted(set(until)), "each has a time of its own"
    gaps = {later - earlier for earlier, later in pairwise(until)}
    assert gaps == {66}, "900 of the 1,000, as a tenth is kept"


def test_those_who_queue_go_before_new_ones() -> None:
    bucket = _told(1_000)
    until = bucket.queue("newsletter", 100, NOON + 5_000, 1.0)
    assert bucket.take("newsletter", 100, NOON + 1_000, 1.0, waited=False) is not None
    assert bucket.take("newsletter", 100, until, 1.0, waited=True) is None
    assert bucket.take("newsletter", 100, until + MINUTE, 1.0, waited=False) is None, "the queue is over"


def test_transactional_sends_do_not_wait_behind_a_queue_of_newsletters() -> None:
    bucket = _told(1_000)
    for _ in range(10_000):
        bucket.queue("newsletter", 100, NOON, 1.0)
    assert bucket.take("transactional", 1, NOON + 1, 1.0, waited=False) is None


def test_a_429_bars_its_class_until_the_reset_and_one_of_a_single_call_bars_both() -> None:
    bucket = Bucket()
    assert bucket.refused("newsletter", RateHeaders(10, 0, NOON + 30_000), NOON) == NOON + 30_000
    assert bucket.take("newsletter", 1, NOON + 29_999, 1.0, waited=True) == NOON + 30_000
    assert bucket.take("transactional", 1, NOON, 1.0, waited=False) is None
    assert bucket.take("newsletter", 1, NOON + 30_000, 1.0, waited=True) is None
    bucket.refused("transactional", RateHeaders(10, 0, NOON + 90_000), NOON + 60_000)
    for class_ in ("transactional", "newsletter"):
        assert bucket.take(class_, 1, NOON + 60_000, 1.0, waited=True) == NOON + 90_000


@pytest.mark.parametrize(
    ("reset", "least", "most"),
    [(NOON + 1, 1_000, 1_000), (NOON + 3_600_000, 120_000, 120_000), (NOON - 5, 1_000, 1_500), (None, 1_000, 1_500)],
)
def test_a_wait_is_1_to_120_seconds_whatever_the_header_says(reset: int | None, least: int, most: int) -> None:
    assert least <= Bucket().refused("newsletter", RateHeaders(10, 0, reset), NOON) - NOON <= most


def test_a_provider_that_does_not_say_until_when_is_asked_ever_less_often() -> None:
    bucket = Bucket("acme")
    waits = [bucket.refused("newsletter", NOT_SAID, NOON + at * 1_000_000) - NOON - at * 1_000_000 for at in range(9)]
    for waited, seconds in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert seconds * 1_000 <= waited <= seconds * 1_500
    bucket.passed()
    assert bucket.refused("newsletter", NOT_SAID, NOON + 10**9) - NOON - 10**9 <= 1_500


def test_a_header_from_another_world_stops_nobody_for_long() -> None:
    bucket = Bucket()
    bucket.told(1, RateHeaders(10, 0, NOON + 10**12), NOON, 1.0)
    ready = bucket.take("transactional", 1, NOON, 1.0, waited=False)
    assert ready is not None
    assert ready <= NOON + 120_000
    bucket.told(1, RateHeaders(0, 0, 0), NOON, 1.0)
    assert bucket.take("transactional", 1, NOON + 120_000, 1.0, waited=True) is None
    bucket.told(1, RateHeaders(10, 2, NOON + 180_000), NOON + 121_000, 1.0)
    taken = [bucket.take("transactional", 1, NOON + 121_000, 1.0, waited=False) for _ in range(3)]
    assert taken.count(None) == 2, "and a true one behind it is believed"


@pytest.mark.parametrize("by_message", [True, False])
def test_whether_messages_are_counted_or_calls_is_learnt_from_the_headers(by_message: bool) -> None:
    provider, bucket = Counting(1_000, by_message=by_message), _told(1_000)
    provider.call("transactional", 1, NOON)
    for at in range(3):
        now = NOON + 5_000 * (at + 1)
        bucket.take("newsletter", 100, now, 1.0, waited=True)
        bucket.told(100, provider.call("newsletter", 100, now), now, 1.0)
    assert bucket.unit.by_message is by_message
    assert bucket.unit.cost(100) == (100 if by_message else 1)


CALLS = st.lists(
    st.tuples(st.integers(0, 3_000), st.sampled_from(["transactional", "newsletter"]), st.integers(0, 40)),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@forall(CALLS, st.integers(5, 500), st.sampled_from([1_000, 10_000, MINUTE]))
def test_no_window_of_the_provider_ever_sees_more_calls_than_it_allows_and_newsletters_leave_their_part(
    calls: list[tuple[int, Class, int]], limit: int, window: int
) -> None:
    provider, bucket, now = Counting(limit, window), Bucket(), NOON
    bucket.take("transactional", 1, now, 1.0, waited=False)
    bucket.told(1, provider.call("transactional", 1, now), now, 1.0)
    for after, class_, count in calls:
        now += after
        for _ in range(count):
            ready = bucket.take(class_, 1, now, 1.0, waited=False)
            if ready is not None:
                assert ready > now
                break
            bucket.told(1, provider.call(class_, 1, now), now, 1.0)
    assert provider.most <= limit
    assert provider.spent["newsletter"] <= max(1, limit * (1 - KEPT))


@settings(max_examples=80, deadline=None)
@forall(
    st.integers(1, 4), st.integers(20, 400), st.lists(st.tuples(st.integers(1, 2_000), st.integers(1, 30)), max_size=40)
)
def test_workers_that_share_a_budget_keep_to_it_together(
    workers: int, limit: int, turns: list[tuple[int, int]]
) -> None:
    provider, now, share = Counting(limit), NOON, 1 / workers
    buckets = [Bucket() for _ in range(workers)]
    for bucket in buckets:
        bucket.take("transactional", 1, now, share, waited=False)
        bucket.told(1, provider.call("transactional", 1, now), now, share)
    for after, count in turns:
        now += after
        for bucket in buckets:
            for _ in range(count):
                if bucket.take("transactional", 1, now, share, waited=False) is None:
                    bucket.told(1, provider.call("transactional", 1, now), now, share)
    assert provider.most <= limit + workers, "a call each may be on its way when the last token is gone"


def test_what_is_queued_while_a_worker_owns_nothing_does_not_hold_up_the_account_for_hours() -> None:
    bucket = _told(1_000)
    for _ in range(20):
        bucket.queue("newsletter", 100, NOON, 0.0)
    assert bucket.queue("newsletter", 100, NOON, 1.0) <= NOON + MINUTE


@pytest.mark.parametrize("before", [(), (0.5,), (1.0,)], ids=["nothing known", "half known", "all known"])
@pytest.mark.parametrize("later", [0, MINUTE], ids=["of this window", "of the next"])
def test_what_is_told_while_a_worker_owns_nothing_counts_by_the_share_it_has_when_it_takes(
    before: tuple[float, ...], later: int
) -> None:
    """A late answer between two tenures made every send of the account wait for the window's end."""
    bucket, now = Bucket(), NOON + later
    for share in before:
        assert bucket.take("transactional", 1, NOON, share, waited=False) is None
        bucket.told(1, RateHeaders(1_200, 1_199, NOON + MINUTE), NOON, share)
        assert bucket.take("transactional", 1, NOON, share, waited=False) is None
    bucket.told(1, RateHeaders(1_200, 1_100, now + MINUTE), now, 0.0)
    taken = [bucket.take("transactional", 1, now + 1, 0.5, waited=False) for _ in range(600)]
    assert taken == [None] * 550 + [now + MINUTE] * 50, "half of what was left, and no more"


def test_a_window_that_began_while_a_worker_owned_nothing_is_there_to_be_taken_from() -> None:
    bucket = _told(1_200)
    bucket.told(1, NOT_SAID, NOON + MINUTE, 0.0)
    taken = [bucket.take("transactional", 1, NOON + MINUTE, 0.5, waited=False) for _ in range(601)]
    assert taken == [None] * 600 + [NOON + 2 * MINUTE]


def test_a_share_that_changes_within_a_window_changes_what_may_be_taken_of_it() -> None:
    bucket = Bucket()
    bucket.take("transactional", 1, NOON, 1.0, waited=False)
    bucket.told(1, RateHeaders(1_200, 1_100, NOON + MINUTE), NOON, 1.0)
    taken = [bucket.take("transactional", 1, NOON, 0.25, waited=False) for _ in range(300)]
    assert taken.count(None) == 275


def test_while_a_worker_owns_nothing_nothing_is_taken_and_nothing_waits_for_the_window_s_end() -> None:
    assert _told(1_200).take("transactional", 1, NOON, 0.0, waited=False) == NOON + UNTOLD
    assert Bucket().take("transactional", 1, NOON, 0.0, waited=False) is None, "where no limit is known"


def test_what_is_told_while_a_worker_owns_nothing_does_not_unlearn_that_messages_are_counted() -> None:
    bucket = _told(10_000)
    for n in range(1, 5):
        bucket.take("newsletter", 100, NOON + n, 1.0, waited=True)
        rate = RateHeaders(10_000, 9_999 - 100 * n, NOON + MINUTE)
        bucket.told(100, rate, NOON + n, 1.0 if n < 4 else 0.0)
        assert bucket.unit.by_message


def test_a_doubt_of_an_hour_ago_puts_nobody_off_for_hours() -> None:
    bucket, later = Bucket(), NOON + 60 * MINUTE
    assert bucket.take("newsletter", 100, NOON, 1.0, waited=False) is None
    assert bucket.take("newsletter", 2, NOON + 20, 1.0, waited=False) is not None
    bucket.told(100, NOT_SAID, NOON + 20_000, 1.0)
    for _ in range(4):
        assert bucket.take("newsletter", 100, later, 1.0, waited=False) is None
    bucket.told(100, RateHeaders(1_200, 1_199, later + MINUTE), later, 1.0)
    ready = bucket.take("newsletter", 100, later, 1.0, waited=False)
    assert ready is not None
    assert ready <= later + UNTOLD


def test_a_call_of_many_that_was_granted_and_never_made_holds_up_others_for_two_minutes_at_most() -> None:
    bucket, now, asked = Bucket(), NOON, 0
    bucket.take("newsletter", 100, now, 1.0, waited=False)
    while (ready := bucket.take("newsletter", 2, now, 1.0, waited=bool(asked))) is not None:
        assert ready <= now + MINUTE
        now, asked = ready, asked + 1
    assert now <= NOON + 2 * MINUTE
    assert asked < 9
    bucket.told(2, NOT_SAID, now, 1.0)
    assert bucket.take("newsletter", 100, now, 1.0, waited=False) is None


@pytest.mark.parametrize("share", [1 / 3, 1 / 4, 1 / 8])
def test_a_lone_busy_worker_learns_that_messages_are_counted_whatever_its_share(share: float) -> None:
    provider, bucket = Counting(10_000, by_message=True), Bucket()
    for at in range(8):
        now = NOON + 2_000 * at
        if bucket.take("newsletter", 100, now, share, waited=True) is None:
            bucket.told(100, provider.call("newsletter", 100, now), now, share)
    assert bucket.unit.by_message


def test_answers_of_the_window_before_that_say_nothing_leave_what_is_booked_in_this_one() -> None:
    bucket = _told(1_200)
    later = NOON + MINUTE
    for now in (later - 100, later + 100):
        assert [bucket.take("transactional", 1, now, 1.0, waited=False) for _ in range(200)] == [None] * 200
    for _ in range(200):
        bucket.told(1, NOT_SAID, later + 200, 1.0)
    bucket.told(1, RateHeaders(1_200, 1_199, later + MINUTE), later + 300, 1.0)
    assert bucket.left == 1_000


def test_the_pace_of_a_large_limit_is_kept_to_the_message() -> None:
    bucket = _told(600_000)
    bucket.unit.settle()
    assert bucket.take("newsletter", 1, NOON, 1.0, waited=True) is None
    for joined in range(1, 1_000):
        assert bucket.take("newsletter", 1, NOON, 1.0, waited=True, joins=joined) is None
    assert bucket._paced - NOON == pytest.approx(1_000 * MINUTE / 540_000, rel=0.01)


def test_one_may_join_a_call_while_its_worker_owns_nothing() -> None:
    bucket = _judged(1_000)
    assert bucket.take("newsletter", 1, NOON, 1.0, waited=True) is None
    assert bucket.take("newsletter", 1, NOON, 0.0, waited=True, joins=1) is None

"""Newsletters that trickle, in calls of one or a few, behind a provider that takes 1,200 of them a minute
(instasent.md, section 2): none waits without need, and what waits is put off a few times at most."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import pytest

from connectors.carriers.base import Accepted, Answer, RateHeaders, Refused
from events.account import Connector
from projections.account import Account
from streams.gate import BULK, Gates, PartitionGate
from tests.streams.memory_world import NOON

MINUTE = 60_000
LIMIT = 1_200
TICK = 20  # ms; no pipeline steps more often for its timers
HANDFUL = 6  # times that a send is put off in a window, at most
ACME = Account("acme", 1, connector=Connector.model_validate({"provider": "instasent", "token": {"sealed": "v1.a"}}))


@dataclass
class Endpoint:
    """Counts the calls at the endpoint of many, of a single newsletter too, in windows of a minute."""

    limit: int = LIMIT
    by_message: bool = False
    used: int = 0
    ends_at: int = 0
    throttled: int = 0

    def call(self, messages: int, now: int) -> Answer:
        if now >= self.ends_at:
            self.used, self.ends_at = 0, now + MINUTE
        self.used += messages if self.by_message else 1
        rate = RateHeaders(self.limit, max(0, self.limit - self.used), self.ends_at)
        if self.used <= self.limit:
            return Accepted("sms", rate)
        self.throttled += 1
        return Refused(429, "", final=False, scope="rate", rate=rate)


@dataclass
class Trickle:
    """Sends of some partitions, each asked for at its time and again whenever it was put off until."""

    partitions: int
    answers_in: int
    provider: Endpoint = field(default_factory=Endpoint)
    gates: Gates = field(default_factory=Gates)
    went: dict[int, int] = field(default_factory=dict)  # send: ms it waited
    put_off: Counter[tuple[int, int]] = field(default_factory=Counter)  # send, minute: times

    def run(self, asked: Iterable[tuple[int, int]], until: int) -> None:
        """`asked`: ms from the beginning, and how many are asked for then, in one partition."""
        gates, numbers, calls = [PartitionGate(self.gates) for _ in range(self.partitions)], count(), count()
        later: list[list[tuple[int, int, int]]] = [[] for _ in gates]  # not before, send, asked for at
        answers: list[tuple[int, int, int, Answer]] = []
        for turn, (after, many) in enumerate(asked):
            for _ in range(many):
                heappush(later[turn % self.partitions], (NOON + after, next(numbers), NOON + after))
        for now in range(NOON, NOON + until, TICK):
            while answers and answers[0][0] <= now:
                _, _, messages, answer = heappop(answers)
                self.gates.told("acme", "newsletter", [answer] * messages, now)
            for gate, waiting in zip(gates, later, strict=True):
                granted = 0
                for _ in range(BULK):
                    if not waiting or waiting[0][0] > now:
                        break
                    not_before, send, since = heappop(waiting)
                    leave = gate.ask(ACME, "newsletter", now, waited=not_before != since)
                    if leave.until is None:
                        granted += 1
                        self.went[send] = now - since
                    else:
                        self.put_off[send, (now - NOON) // MINUTE] += 1
                        heappush(waiting, (leave.until, send, since))
                if granted:
                    heappush(answers, (now + self.answers_in, next(calls), granted, self.provider.call(granted, now)))


def test_a_lone_newsletter_every_two_seconds_goes_at_once() -> None:
    trickle = Trickle(partitions=1, answers_in=300)
    trickle.run([(2_000 * n, 1) for n in range(90)], until=3 * MINUTE + 10_000)
    assert trickle.went == dict.fromkeys(range(90), 0)
    assert not trickle.put_off


def test_forty_eight_a_minute_over_eight_partitions_all_go_at_once() -> None:
    trickle = Trickle(partitions=8, answers_in=1_000)
    trickle.run([(1_250 * n, 1) for n in range(144)], until=4 * MINUTE)
    assert len(trickle.went) == 144
    assert max(trickle.went.values()) < TICK
    assert not trickle.put_off


@pytest.mark.parametrize("first", [2, 5, 79])
@pytest.mark.parametrize("answers_in", [100, 1_000])
def test_a_campaign_whose_first_call_is_small_does_not_stall(first: int, answers_in: int) -> None:
    """As where it begins beside a transactional send: pipeline.FEW."""
    trickle = Trickle(partitions=1, answers_in=answers_in)
    trickle.run([(0, first), *((TICK * n, BULK) for n in range(1, 20))], until=MINUTE)
    assert len(trickle.went) == first + 19 * BULK
    assert max(trickle.went.values()) < 10_000
    assert max(trickle.put_off.values()) <= HANDFUL


@pytest.mark.parametrize("many", [1, 2, 3, 7])
@pytest.mark.parametrize("by_message", [False, True], ids=["calls", "messages"])
def test_small_calls_at_more_than_the_limit_are_each_put_off_a_few_times_at_most(many: int, by_message: bool) -> None:
    trickle = Trickle(partitions=4, answers_in=500, provider=Endpoint(limit=60, by_message=by_message))
    trickle.run([(250 * n, many) for n in range(480)], until=4 * MINUTE)
    assert max(trickle.put_off.values()) <= HANDFUL
    assert len(trickle.went) > 3.5 * 0.9 * 60 / (many if by_message else 1)
    assert trickle.provider.throttled <= 8


@pytest.mark.parametrize("heard", [False, True], ids=["nothing heard yet", "a limit told"])
def test_behind_a_call_of_many_that_is_long_not_answered_others_are_put_off_ever_less_often(heard: bool) -> None:
    trickle = Trickle(partitions=2, answers_in=20_000)
    if heard:
        trickle.gates.line(ACME).many.told(2, RateHeaders(LIMIT, LIMIT - 1, NOON + MINUTE), NOON, 1.0)
    trickle.run([(0, BULK), (TICK, BULK), (2 * TICK, BULK)], until=2 * MINUTE)
    assert len(trickle.went) == 3 * BULK
    assert max(trickle.put_off.values()) <= HANDFUL


@pytest.mark.parametrize(("many", "share"), [(2, 1.0), (5, 1.0), (2, 0.125)])
def test_commits_of_a_few_at_the_pace_of_the_limit_wait_little_and_share_places(many: int, share: float) -> None:
    """The first of each waited for one endpoint and the second for the other: no later commit joined them."""
    trickle = Trickle(partitions=4, answers_in=300, gates=Gates(lambda: share))
    every = int(40 / share)
    trickle.run([(every * n, many) for n in range(3 * MINUTE // every)], until=4 * MINUTE)
    assert len(trickle.went) == many * (3 * MINUTE // every)
    assert max(trickle.went.values()) < 5_000
    assert trickle.provider.throttled == 0

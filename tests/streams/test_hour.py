"""An hour of a provider that refuses, throttles, fails, answers late and drops what it took, while a campaign goes on:
nobody is texted twice, nobody is left out, and a password does not wait for the campaign."""

from dataclasses import dataclass, field
from functools import cache
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest

from connectors.carriers.base import NOT_SAID, Accepted, Answer, RateHeaders, Refused, Unknown
from events import instant
from events.answer import AnswerReceived
from events.examples import SEVEN
from events.send import SendAccepted, SendAttempted, SendRefused, SendUnknown
from events.topics import Role
from projections import send
from projections.send import Call
from streams.gate import BULK, Gates, PartitionGate
from tests.streams.one_partition import OnePartition

MINUTE = 60_000
HOUR = 60 * MINUTE
EVERY = MINUTE // 2  # a password and some newsletters are asked for
TIMES = HOUR // EVERY
NEWSLETTERS = 7  # of one moment, which share a call
LIMIT = 12  # calls a minute, of which newsletters may take ten
STRETCHES = {"": (0, 10), "errors": (10, 20), "token": (20, 25), "lost": (25, 35), "throttled": (35, 40), " ": (40, 60)}


@dataclass
class Provider:
    """Counts the calls at each endpoint in windows of a minute, and is in trouble as STRETCHES says."""

    random: Random
    begin: int
    used: dict[bool, int] = field(default_factory=dict)  # at which endpoint: that of calls of many?
    ends_at: dict[bool, int] = field(default_factory=dict)
    most: int = 0
    taken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # taken, and the answer dropped
    throttled: int = 0

    def troubled(self, now: int) -> str:
        minute = (now - self.begin) // MINUTE
        return next((what for what, (first, end) in STRETCHES.items() if first <= minute < end), "").strip()

    def call(self, calls: list[Call], now: int) -> list[Answer]:
        trouble, chance = self.troubled(now), self.random.random()
        if trouble == "token":
            return [Refused(401, "revoked", final=False, scope="account")] * len(calls)
        if trouble == "throttled" and chance < 0.5:  # and does not say until when
            self.throttled += 1
            return [Refused(429, "", final=False, scope="rate", rate=NOT_SAID)] * len(calls)
        endpoint = calls[0].class_ == "newsletter"
        if now >= self.ends_at.get(endpoint, 0):
            self.used[endpoint], self.ends_at[endpoint] = 0, now + MINUTE
        self.used[endpoint] += 1
        used = self.used[endpoint]
        self.most = max(self.most, used)
        rate = RateHeaders(LIMIT, max(0, LIMIT - used), self.ends_at[endpoint])
        if used > LIMIT:
            self.throttled += 1
            return [Refused(429, "", final=False, scope="rate", rate=rate)] * len(calls)
        if trouble == "errors" and chance < 0.7:
            refused = Refused(None, "no connection", final=False) if chance < 0.4 else Unknown("server_error")
            return [refused] * len(calls)
        self.taken += [call.client_id for call in calls]
        if trouble == "lost" and chance < 0.5:
            self.lost += [call.client_id for call in calls]
            return [Unknown("timeout")] * len(calls)
        return [Accepted(f"sms-{call.client_id}", rate if trouble != "lost" else NOT_SAID) for call in calls]


@dataclass
class Hour:
    """One partition with its gate, driven from one moment at which something happens to the next."""

    seed: int
    gates: Gates = field(default_factory=Gates)
    waits: dict[str, int] = field(default_factory=dict)  # of each password, until its first attempt
    receipts: set[str] = field(default_factory=set)  # client ids of what was lost and then told of
    _called: int = 0
    _facts: int = 0
    _answers: list[tuple[int, int, list[Call], list[Answer]]] = field(default_factory=list)
    _told: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self._numbers = Random(self.seed), count()
        self.world = OnePartition(gate=PartitionGate(self.gates))
        self.provider = Provider(self.random, self.world.now)

    def run(self) -> "Hour":
        for time in range(TIMES):
            for number in range(NEWSLETTERS):
                name = f"n{time}-{number}"
                to = {"alert": f"+346{time:04d}{number:04d}"}
                self.world.request(name, "newsletter", f"acme/c{number}", to=to)
            self.world.request(f"p{time}", subject="acme/p", to={"alert": "+34600000000"})
            self.until(self.world.now + EVERY, self.world.now)
        self.until(self.world.now + HOUR // 4, self.world.now)
        return self

    def until(self, end: int, asked: int) -> None:
        while self.world.now < end:
            self.answer()
            self.call()
            self.note(asked)
            self.world.wait(max(1, min(end, self.next_event()) - self.world.now))

    def call(self) -> None:
        """Every permitted call is made, newsletters by bulk; each is answered in 50 ms to 2 s."""
        fresh, self._called = self.world.calls[self._called :], len(self.world.calls)
        newsletters = [call for call in fresh if call.class_ == "newsletter"]
        groups = [[call] for call in fresh if call.class_ == "transactional"]
        groups += [newsletters[at : at + BULK] for at in range(0, len(newsletters), BULK)]
        for group in groups:
            dropped = len(self.provider.lost)
            answers = self.provider.call(group, self.world.now)
            at = self.world.now + self.random.randrange(50, 2_000)
            heappush(self._answers, (at, next(self._numbers), group, answers))
            for client_id in self.provider.lost[dropped:]:
                if self.random.random() < 0.5:
                    heappush(self._told, (self.world.now + self.random.randrange(MINUTE), client_id))

    def answer(self) -> None:
        now = self.world.now
        while self._answers and self._answers[0][0] <= now:
            _, _, group, answers = heappop(self._answers)
            retry_at = self.gates.told("acme", group[0].class_, answers, now)
            for call, answer in zip(group, answers, strict=True):
                self.tell(call, answer, retry_at)
        while self._told and self._told[0][0] <= now:
            _, client_id = heappop(self._told)
            self.receipts.add(client_id)
            self.world.receipt(client_id, "delivered")

    def tell(self, call: Call, answer: Answer, retry_at: int | None) -> None:
        said: dict[str, object]
        match answer:
            case Accepted():
                said = {"outcome": "accepted", "provider_id": answer.provider_id}
            case Refused():
                said = {"outcome": "refused", "status": answer.status, "final": answer.final}
                said |= {} if retry_at is None else {"retry_at": instant.render(retry_at)}
            case Unknown():
                said = {"outcome": "unknown", "reason": answer.reason}
        named = {"send_id": call.send_id, "attempt": call.attempt, "client_id": call.client_id}
        self.world.take(AnswerReceived.of_json(named | said), Role.ANSWERS, call.subject)

    def next_event(self) -> int:
        states = self.world.view.values.items()
        timers = (s.due for key, s in states if key[:2] == b"s/" and isinstance(s, send.State) and s.due)
        return min((*(queue[0][0] for queue in (self._answers, self._told) if queue), *timers), default=2**60)

    def note(self, asked: int) -> None:
        for fact in self.world.facts[self._facts :]:
            if isinstance(fact.data, SendAttempted) and fact.data.class_ == "transactional":
                self.waits.setdefault(fact.data.send_id, fact.time - asked)
        self._facts = len(self.world.facts)


@cache
def hour(seed: int) -> Hour:
    return Hour(seed).run()


SEEDS = pytest.mark.parametrize("seed", [1, 2, 3])


@SEEDS
def test_each_sms_goes_once_and_everybody_has_a_turn(seed: int) -> None:
    provider, facts = hour(seed).provider, [fact.data for fact in hour(seed).world.facts]
    assert len(provider.taken) == len(set(provider.taken)), "an attempt is called once"
    by_send: dict[str, list[str]] = {}
    for data in facts:
        if isinstance(data, SendAttempted):
            by_send.setdefault(data.send_id, []).append(data.client_id)
    assert len(by_send) == TIMES * (NEWSLETTERS + 1)
    for send_id, attempts in by_send.items():
        assert sum(name in provider.taken for name in attempts) <= 1, f"{send_id} went twice"
    accepted = {data.send_id for data in facts if isinstance(data, SendAccepted)}
    unknown = {data.send_id for data in facts if isinstance(data, SendUnknown)}
    assert accepted | unknown == set(by_send), "and an answer of some kind"
    assert any(len(attempts) > 1 for attempts in by_send.values()), "what was surely not taken was tried again"
    assert any(isinstance(data, SendRefused) for data in facts)


@SEEDS
def test_the_headers_are_heeded_and_so_is_a_429_without_any(seed: int) -> None:
    provider = hour(seed).provider
    assert provider.most <= LIMIT + 5, "what was under way when a late answer told of the end"
    assert 0 < provider.throttled <= 80, "in five minutes, at two endpoints, asked ever less often"


@SEEDS
def test_the_campaign_goes_on_in_every_stretch_in_which_it_can(seed: int) -> None:
    attempted = [
        ((fact.time - SEVEN) // MINUTE, fact.data.class_)
        for fact in hour(seed).world.facts
        if isinstance(fact.data, SendAttempted)
    ]
    for what, (first, end) in STRETCHES.items():
        there = {class_ for minute, class_ in attempted if first <= minute < end}
        # While the token is revoked each is refused, and who asks whether it still is may be a password.
        assert there if what == "token" else "newsletter" in there


@SEEDS
def test_what_was_lost_and_then_told_of_by_a_receipt_is_settled_by_it(seed: int) -> None:
    receipts, world = hour(seed).receipts, hour(seed).world
    calls = {call.client_id: call for call in world.calls}
    assert receipts
    for client_id in receipts:
        assert world.send(calls[client_id]).phase == "accepted"


@SEEDS
def test_a_password_is_attempted_in_under_a_second_while_the_provider_is_well(seed: int) -> None:
    first, last = range(20), range(90, 120)  # the first ten minutes and, all troubles being over, the last fifteen
    for number in (*first, *last):
        assert hour(seed).waits[f"p{number}"] < 1_000

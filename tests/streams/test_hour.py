"""An hour of a provider that refuses, throttles, fails and drops what it took: nobody is texted twice, nobody is left
out, and a password does not wait for the campaign."""

from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest

from connectors.carriers.base import NOT_SAID, Accepted, Answer, RateHeaders, Refused, Unknown
from events import instant
from events.answer import AnswerReceived
from events.send import SendAccepted, SendAttempted, SendRefused, SendUnknown
from events.topics import Role
from projections.send import Call
from streams.gate import BULK, Gates, PartitionGate
from tests.streams.one_partition import OnePartition

MINUTE = 60_000
HOUR = 60 * MINUTE
CAMPAIGN = 400
LIMIT = 12  # calls a minute, of which newsletters may take ten


@dataclass
class Provider:
    """Counts in windows of a minute; `troubled` names what goes wrong at a time."""

    random: Random
    begin: int
    used: int = 0
    ends_at: int = 0
    most: int = 0
    taken: list[str] = field(default_factory=list)
    throttled: int = 0

    def troubled(self, now: int) -> str:
        """Ten minutes well; ten of errors; five without a token; ten of lost answers; then well."""
        minute = (now - self.begin) // MINUTE
        return "errors" if 10 <= minute < 20 else "token" if 20 <= minute < 25 else "lost" if 25 <= minute < 35 else ""

    def call(self, calls: list[Call], now: int) -> list[Answer]:
        trouble = self.troubled(now)
        if trouble == "token":
            return [Refused(401, "revoked", final=False, scope="account")] * len(calls)
        if now >= self.ends_at:
            self.used, self.ends_at = 0, now + MINUTE
        self.used += 1
        self.most = max(self.most, self.used)
        rate = RateHeaders(LIMIT, max(0, LIMIT - self.used), self.ends_at)
        if self.used > LIMIT:
            self.throttled += 1
            return [Refused(429, "", final=False, scope="rate", rate=rate)] * len(calls)
        chance = self.random.random()
        if trouble == "errors" and chance < 0.7:
            refused = Refused(None, "no connection", final=False) if chance < 0.4 else Unknown("server_error")
            return [refused] * len(calls)
        self.taken += [call.client_id for call in calls]
        if trouble == "lost" and chance < 0.5:
            return [Unknown("timeout")] * len(calls)
        return [Accepted(f"sms-{call.client_id}", rate if trouble != "lost" else NOT_SAID) for call in calls]


@dataclass
class Hour:
    """One partition with its gate, driven a tenth of a second at a time."""

    seed: int
    world: OnePartition = field(init=False)
    gates: Gates = field(default_factory=Gates)
    provider: Provider = field(init=False)
    waits: dict[str, int] = field(default_factory=dict)  # of each password, until its first attempt
    called: int = 0
    facts: int = 0

    def __post_init__(self) -> None:
        self.world = OnePartition(gate=PartitionGate(self.gates))
        self.provider = Provider(Random(self.seed), self.world.now)

    def answer(self) -> None:
        """Every permitted call is made and answered, newsletters by bulk."""
        while self.called < len(self.world.calls):
            fresh, self.called = self.world.calls[self.called :], len(self.world.calls)
            newsletters = [call for call in fresh if call.class_ == "newsletter"]
            groups = [[call] for call in fresh if call.class_ == "transactional"]
            groups += [newsletters[at : at + BULK] for at in range(0, len(newsletters), BULK)]
            for group in groups:
                now = self.world.now
                answers = self.provider.call(group, now)
                retry_at = self.gates.told("acme", group[0].class_, answers, now)
                for call, answer in zip(group, answers, strict=True):
                    self.tell(call, answer, retry_at)

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

    def run(self) -> None:
        begin, passwords = self.world.now, count()
        for number in range(CAMPAIGN):
            to = {"alert": f"+346{number:08d}"}
            self.world.request(f"n{number}", "newsletter", f"acme/c{number % 50}", to=to)
        for _ in range(HOUR // 30_000):
            name = f"p{next(passwords)}"
            asked = self.world.now
            self.world.request(name, subject="acme/p", to={"alert": "+34600000000"})
            while self.world.now < asked + 30_000:
                self.answer()
                self.note(asked)
                due = min(self.next_due(), asked + 30_000)
                self.world.wait(max(1, due - self.world.now))
        assert self.world.now >= begin + HOUR

    def next_due(self) -> int:
        return min((s.due for key, s in self.world.view.values.items() if key[:2] == b"s/" and s.due), default=2**60)

    def note(self, asked: int) -> None:
        for fact in self.world.facts[self.facts :]:
            if isinstance(fact.data, SendAttempted) and fact.data.class_ == "transactional":
                self.waits.setdefault(fact.data.send_id, fact.time - asked)
        self.facts = len(self.world.facts)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_hour_of_refusals_errors_and_lost_answers_ends_with_each_sms_once_or_unknown(seed: int) -> None:
    hour = Hour(seed)
    hour.run()
    provider, facts = hour.provider, [fact.data for fact in hour.world.facts]
    assert len(provider.taken) == len(set(provider.taken)), "an attempt is called once"
    assert provider.most <= LIMIT + provider.throttled
    assert provider.throttled <= 3, "the headers are heeded"
    by_send: dict[str, list[str]] = {}
    for data in facts:
        if isinstance(data, SendAttempted):
            by_send.setdefault(data.send_id, []).append(data.client_id)
    assert len(by_send) == CAMPAIGN + HOUR // 30_000, "everybody's turn came within the hour"
    for send_id, attempts in by_send.items():
        assert sum(name in provider.taken for name in attempts) <= 1, f"{send_id} went twice"
    accepted = {data.send_id for data in facts if isinstance(data, SendAccepted)}
    unknown = {data.send_id for data in facts if isinstance(data, SendUnknown)}
    assert accepted | unknown == set(by_send)
    assert any(isinstance(data, SendRefused) for data in facts)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_password_is_attempted_in_under_a_second_while_the_provider_is_well(seed: int) -> None:
    hour = Hour(seed)
    hour.run()
    for number in range(20):  # the first ten minutes
        assert hour.waits[f"p{number}"] < 1_000

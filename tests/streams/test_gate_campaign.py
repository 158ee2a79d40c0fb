"""A hundred thousand newsletters behind a provider that takes a thousand a minute: no password waits a second, whatever
the provider counts, however late it answers and wherever its minute begins."""

from collections import Counter, deque
from dataclasses import dataclass, field
from heapq import heappop, heappush

import pytest

from connectors.carriers.base import Accepted, Answer, RateHeaders, Refused
from events.account import Connector
from events.shape import Class
from projections.account import Account
from streams.gate import BULK, Gates, PartitionGate
from tests.streams.memory_world import NOON

MINUTE = 60_000
LIMIT = 1_000
QUEUED = 100_000
STEP = 10  # ms
ACME = Account("acme", 1, connector=Connector.model_validate({"provider": "instasent", "token": {"sealed": "v1.a"}}))


@dataclass
class Provider:
    """Counts messages or calls in windows of a minute, of all or of each endpoint, and answers late."""

    by_message: bool
    answers_in: int  # ms
    ends_at: int
    apart: bool = False
    used: Counter[bool] = field(default_factory=Counter)  # at which endpoint: that of newsletters?
    most: int = 0
    throttled: int = 0
    answers: list[tuple[int, int, Class, int, Answer]] = field(default_factory=list)

    def call(self, class_: Class, messages: int, now: int) -> None:
        if now >= self.ends_at:
            self.used, self.ends_at = Counter(), self.ends_at + MINUTE
        cost, endpoint = messages if self.by_message else 1, self.apart and class_ == "newsletter"
        takes = self.used[endpoint] + cost <= LIMIT
        self.used[endpoint] += cost if takes else 0
        self.most = max(self.most, self.used[endpoint])
        self.throttled += not takes
        rate = RateHeaders(LIMIT, LIMIT - self.used[endpoint], self.ends_at)
        answer = Accepted("sms", rate) if takes else Refused(429, "", final=False, scope="rate", rate=rate)
        heappush(self.answers, (now + self.answers_in, len(self.answers), class_, messages, answer))


@dataclass
class Campaign:
    """Partitions that ask the gate for a commit of newsletters each step, with as many out as the lane has room for."""

    provider: Provider
    partitions: int
    gates: Gates = field(default_factory=Gates)
    waits: list[int] = field(default_factory=list)  # of each password, ms
    sent: int = 0

    def run(self, minutes: int, every: int) -> None:
        gates = [PartitionGate(self.gates) for _ in range(self.partitions)]
        fresh = [QUEUED // self.partitions] * self.partitions
        later: list[list[int]] = [[] for _ in gates]
        passwords: deque[tuple[int, int]] = deque()  # asked at, not before
        out = 0
        for now in range(NOON, NOON + minutes * MINUTE, STEP):
            while self.provider.answers and self.provider.answers[0][0] <= now:
                _, _, class_, messages, answer = heappop(self.provider.answers)
                again = self.gates.told("acme", class_, [answer] * messages, now)
                out -= messages if class_ == "newsletter" else 0
                if isinstance(answer, Refused) and class_ == "newsletter":
                    for _ in range(messages):
                        heappush(later[0], again or now)
            if (now - NOON) % every == 0:
                passwords.append((now, now))
            for _ in range(len(passwords)):
                asked, after = passwords.popleft()
                if after <= now and (until := self.leave(gates[0], "transactional", now, waited=asked != now)) is None:
                    self.waits.append(now - asked)
                    self.provider.call("transactional", 1, now)
                else:
                    passwords.append((asked, after if after > now else until or now))
            for at, gate in enumerate(gates):
                granted = 0
                for _ in range(min(BULK, 800 - out)):
                    waited = bool(later[at]) and later[at][0] <= now
                    if waited:
                        heappop(later[at])
                    elif fresh[at]:
                        fresh[at] -= 1
                    else:
                        break
                    until = self.leave(gate, "newsletter", now, waited=waited)
                    granted += until is None
                    if until is not None:
                        heappush(later[at], until)
                if granted:
                    out += granted
                    self.sent += granted
                    self.provider.call("newsletter", granted, now)
        assert not passwords or min(asked for asked, _ in passwords) > NOON + minutes * MINUTE - 1_000

    def leave(self, gate: PartitionGate, class_: Class, now: int, *, waited: bool) -> int | None:
        return gate.ask(ACME, class_, now, waited=waited).until


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
@pytest.mark.parametrize("by_message", [False, True], ids=["calls", "messages"])
@pytest.mark.parametrize("begun", [0, 20, 55], ids=lambda seconds: f"{seconds} s into its minute")
@pytest.mark.parametrize(("partitions", "answers_in"), [(1, 100), (4, 300), (8, 1_000)])
def test_a_password_waits_less_than_a_second(
    partitions: int, answers_in: int, begun: int, by_message: bool, apart: bool
) -> None:
    provider = Provider(by_message, answers_in, NOON + MINUTE - begun * 1_000, apart)
    campaign = Campaign(provider, partitions)
    campaign.run(minutes=3, every=730)
    assert len(campaign.waits) >= 245
    assert max(campaign.waits) < 1_000
    assert provider.throttled <= 2
    least = 1_500 if by_message else 40_000
    assert campaign.sent >= least, "and the campaign goes on as fast as the provider allows"

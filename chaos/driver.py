"""One chaos run: real processes on a real broker, fed and struck by seed, then judged when all is settled."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic, time
from typing import Any, Final

import orjson

from chaos.checker import Verdict, check
from chaos.evidence import Evidence
from chaos.faults import FAULTS, KILLS, Blow, schedule
from chaos.feed import Feed, Item
from chaos.processes import Process, RunBroken, Site
from chaos.topics import Observer, Upstream
from connectors.credentials import mac_key
from connectors.kafka.admin import ensure_topics
from connectors.kafka.security import Security
from events.topics import Role

SLOTS: Final = 128  # calls that one worker may have on their way: 64 a lane, streams/sender.py
CHUNK: Final = 25  # records published at once
STUCK: Final = 90.0  # seconds in which nothing moves at all: only then is a run given up
RECEIPTS: Final = (
    {"steps": [{"status": "failed", "after": 0.02}], "probability": 0.15},
    {"steps": [{"status": "sent", "after": 0.02}, {"status": "delivered", "after": 0.05}], "probability": 0.4},
    {"steps": [{"status": "delivered"}, {"status": "stop", "after": 0.1, "message": "BAJA"}], "probability": 0.05},
)
CALLBACK_FAULTS: Final = (
    {"kind": "callback_duplicated", "probability": 0.1},
    {"kind": "callback_reordered", "probability": 0.1},
    {"kind": "callback_before_answer", "probability": 0.1},
    {"kind": "callback_lost", "probability": 0.05},
)
SLOW: Final = {"kind": "slow", "seconds": 1.0, "times": 12}  # accepted at once, and answered when the caller is dead
PROVIDER_FAULTS: Final = (
    {"kind": "drop_after", "probability": 0.01},
    {"kind": "drop_before", "probability": 0.01},
    {"kind": "status", "status": 500, "probability": 0.01},
    {"kind": "status", "status": 429, "probability": 0.01, "seconds": 1},
    {"kind": "status_after", "probability": 0.01},
    {"kind": "field_error", "probability": 0.01},
    {"kind": "cut", "probability": 0.01},
    {"kind": "slow", "probability": 0.02, "seconds": 0.5},
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run. `weights` name the faults to draw from (faults.FAULTS); `latency` is the provider's, seconds;
    `provider_faults` are the simulator's, beside those of its callbacks."""

    seed: int
    blows: int = 10
    events: int = 3_000
    contacts: int = 300
    partitions: int = 4
    workers: int = 1
    latency: float = 0.02
    weights: Mapping[str, int] = field(default_factory=lambda: KILLS)
    provider_faults: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `ended` are exit statuses of workers that ended by themselves."""

    plan: Plan
    verdict: Verdict
    blows: Mapping[str, int]
    ended: Sequence[int]
    figures: Mapping[str, int]
    seconds: float


@dataclass
class Driver:
    """Runs one plan. `data` is an empty directory for state and logs; `environment` how the broker is secured."""

    plan: Plan
    bootstrap: str
    prefix: str
    data: Path
    security: Security = field(default_factory=Security)
    environment: Mapping[str, str] = field(default_factory=dict)
    embedded: bool = False  # the broker has no replica: it flushes what matters

    def run(self) -> Outcome:
        """Blocks until the run is settled and judged. Raises RunBroken where it could not be carried out."""
        plan, began = self.plan, monotonic()
        ensure_topics(self.bootstrap, self.prefix, plan.partitions, 1, security=self.security, embedded=self.embedded)
        with Observer(self.bootstrap, self.prefix, plan.partitions, self.security) as observer:
            site = Site(
                self.bootstrap, self.prefix, plan.partitions, self.data, plan.workers, self.environment, observer.poll
            )
            upstream = Upstream(self.bootstrap, self.prefix, self.security)
            try:
                run = _Run(plan, site, observer, upstream)
                return run.carried_out(began)
            finally:
                upstream.close()
                site.end()


@dataclass
class _Run:
    plan: Plan
    site: Site
    observer: Observer
    upstream: Upstream
    workers: Sequence[Process] = ()
    published: list[Item] = field(default_factory=list)
    waiting: deque[Sequence[Item]] = field(default_factory=deque)  # of the wave that is being published
    _mark: int = 0  # commits when a worker was last started

    def carried_out(self, began: float) -> Outcome:
        plan = self.plan
        self.workers = self.site.begin(
            {
                "seed": plan.seed, "latency": plan.latency, "journeys": RECEIPTS,
                "faults": [*CALLBACK_FAULTS, *plan.provider_faults],
            }
        )  # fmt: skip
        for worker in self.workers:
            worker.start()
        random = Random(plan.seed)
        feed = Feed(plan.seed, plan.contacts, plan.partitions, start=int(time() * 1000) - plan.events - 60_000)
        blows = schedule(random, plan.blows, plan.workers, plan.weights)
        size = plan.events // (plan.blows + 1)
        for number, blow in enumerate(blows):
            self._wave(list(feed.wave(number, size)), blow)
        self._wave(list(feed.wave(plan.blows, size)), None)
        self._settle()
        evidence = Evidence(
            self.observer.records(),
            [entry["clientId"] for entry in self.site.ledger(detail=True)["entries"]],
            plan.partitions,
            mac_key(self.site.secret),
        )
        most = SLOTS * plan.workers * sum(FAULTS[blow.fault].lost for blow in blows)
        ended = [status for worker in self.workers for status in worker.ended]
        verdict = check(evidence, self.published, most)
        kinds = Counter(blow.fault for blow in blows)
        return Outcome(plan, verdict, kinds, ended, _figures(evidence), monotonic() - began)

    def _wave(self, items: Sequence[Item], blow: Blow | None) -> None:
        """Publish a wave, and strike in its midst. All of it is durable at the end."""
        self.waiting.extend(items[at : at + CHUNK] for at in range(0, len(items), CHUNK))
        left = 0
        if blow is not None and blow.moment == "starting":
            self._pause(blow.delay)
            self._strike(blow)
        elif blow is not None:
            left = max(1, int((1 - blow.share) * len(self.waiting)))
        while self.waiting:
            strike = blow is not None and len(self.waiting) == left
            if strike and blow is not None and blow.moment == "calling":
                self.site.order_faults([SLOW])
            self._publish()
            if strike and blow is not None:
                self._until_busy()
                if blow.moment == "calling":
                    self._until_calling()
                else:
                    self._pause(blow.delay)
                left = 0
                self._strike(blow)

    def _publish(self) -> None:
        chunk = self.waiting.popleft()
        self.upstream.publish(chunk)
        self.upstream.flush()
        self.published += chunk
        self.observer.poll(0.005)

    def _until_busy(self) -> None:
        """Until a worker has committed something since the last one was started: it is at work."""
        before = monotonic()
        while self.observer.commits <= self._mark:
            self.observer.poll(0.02)
            self._revive()
            if monotonic() - before > STUCK:
                raise RunBroken(f"no worker commits anything: see the logs in {self.site.data}")

    def _until_calling(self) -> None:
        """Until calls of the provider are under way, or all was decided and none followed."""
        ends = self.observer.ends()
        while not self.observer.open.calls and self.observer.behind(ends):
            self.observer.poll(0.002)
            self._revive()

    def _strike(self, blow: Blow) -> None:
        FAULTS[blow.fault].inject(self.site, self.workers[blow.worker], self._go_on)
        self.observer.poll(0)
        self._mark = self.observer.commits

    def _go_on(self, seconds: float) -> None:
        """So long as a fault lasts, upstream goes on."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if self.waiting:
                self._publish()
            self._pause(min(left, 0.5))

    def _pause(self, seconds: float) -> None:
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            self.observer.poll(min(left, 0.1))

    def _revive(self) -> None:
        for worker in self.workers:
            if worker.revive() and len(worker.ended) > 10 + self.plan.blows:
                raise RunBroken(f"{worker.name} ends again and again: see {worker.log}")

    def _settle(self) -> None:
        """Until all that lies in the topics is decided, each attempt answered, each callback made."""
        observer, moved, since = self.observer, (-1, -1), monotonic()
        while True:
            self._revive()
            observer.poll(0.1)
            pending = self.site.ledger()["callbacks_pending"]
            ends = observer.ends()
            while not observer.read_up_to(ends):
                observer.poll(0.1)
            lag = observer.behind(ends)
            quiet = not pending and not lag and not observer.open
            if quiet and observer.ends() == ends and not self.site.ledger()["callbacks_pending"]:
                return
            progress = (sum(ends.values()), lag)
            if progress != moved:
                moved, since = progress, monotonic()
            elif monotonic() - since > STUCK:
                raise RunBroken(
                    f"nothing moves: {lag} records undecided, {len(observer.open)} sends open, {pending} callbacks "
                    f"pending: see the logs in {self.site.data}"
                )


def _figures(evidence: Evidence) -> dict[str, int]:
    kinds = Counter(fact.type.removeprefix("recado.").removesuffix(".v1") for fact in evidence.facts)
    records = {f"records in {role.value}": len(evidence.of(role)) for role in evidence.events}
    crashed = sum(orjson.loads(r.value or b"{}")["data"].get("reason") == "crash" for r in evidence.of(Role.JOURNAL))
    return {
        **records, "facts": len(evidence.facts), **dict(sorted(kinds.items())), "unknown by a crash": crashed,
        "accepted by the provider": len(evidence.ledger), "dead letters": len(evidence.dead_letters),
    }  # fmt: skip

"""One chaos run: real processes on a real broker, fed and struck by seed, then judged when all is settled."""

import gc
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic, time
from typing import Any, Final

import orjson

from chaos.broker import Broker
from chaos.checker import Verdict, check
from chaos.evidence import Evidence
from chaos.faults import FAULTS, KILLS, Blow, possible, schedule
from chaos.feed import Feed, Item
from chaos.hatchery import Hatchery
from chaos.points import Deck, Deed, Trap
from chaos.ports import HOST, free_ports
from chaos.processes import RunBroken, Site
from chaos.proxy import Proxy
from chaos.stage import MOST, PROVIDER, SESSION, Stage
from chaos.topics import Observer, Upstream
from connectors.credentials import mac_key, number_key
from connectors.kafka.admin import ensure_topics
from connectors.kafka.security import Security
from events.topics import Role
from projections.keyring import Keyring
from streams.sender import BULK, BULK_SLOTS, SINGLE_SLOTS

SLOTS: Final = SINGLE_SLOTS + BULK_SLOTS * BULK  # attempts of one worker that may be without an answer
CHUNK: Final = 25  # records published at once
TRICKLE: Final = 0.1  # seconds between two chunks while the strikes are behind the feed
STILL: Final = 15.0  # seconds without a fact, after which a run with a deliberate mistake is judged as it is
STUCK: Final = 120.0  # seconds in which nothing moves at all: only then is a run given up
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
WINDOW: Final = 1.0  # seconds: what a 429 makes an account wait
SLOW: Final = {"kind": "slow", "seconds": 1.0, "times": 12}  # accepted at once, and answered when the caller is dead
PROVIDER_FAULTS: Final = (
    {"kind": "drop_after", "probability": 0.01},
    {"kind": "drop_before", "probability": 0.01},
    {"kind": "status", "status": 500, "probability": 0.01},
    {"kind": "status", "status": 429, "probability": 0.01, "seconds": 1},
    {"kind": "status_after", "probability": 0.01},
    {"kind": "field_error", "probability": 0.01},
    {"kind": "cut", "probability": 0.01},
    {"kind": "slow", "probability": 0.02, "seconds": 0.2},
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run. `weights` name the faults to draw from (faults.FAULTS); `strikes` is how often each crash
    point (points.POINTS) is to be hit; `latency` is the provider's, seconds; `provider_faults` are the simulator's,
    beside those of its callbacks. `mutant` is a deliberate mistake in the workers; `traps` replace `strikes`.
    """

    seed: int
    blows: int = 10
    events: int = 3_000
    contacts: int = 300
    partitions: int = 4
    workers: int = 1
    latency: float = 0.02
    weights: Mapping[str, int] = field(default_factory=lambda: KILLS)
    strikes: int = 0
    provider_faults: Sequence[Mapping[str, Any]] = ()
    mutant: str | None = None
    traps: Sequence[Trap] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `blows` are faults injected, by kind, `points` strikes by crash point and deed, `ended` exit
    statuses of workers that ended by themselves, `left_out` kinds of faults that this run could not inject."""

    plan: Plan
    verdict: Verdict
    blows: Mapping[str, int]
    points: Mapping[tuple[str, Deed], int]
    kills: int
    ended: Sequence[int]
    handovers: Sequence[float]
    left_out: Sequence[str]
    figures: Mapping[str, int]
    seconds: float


@dataclass
class Driver:
    """Runs one plan. `data` is an empty directory for state and logs; `environment` how the broker is secured. `broker`
    is there where the run owns it: what is done to brokers and their connections is left out elsewhere."""

    plan: Plan
    bootstrap: str
    prefix: str
    data: Path
    security: Security = field(default_factory=Security)
    environment: Mapping[str, str] = field(default_factory=dict)
    broker: Broker | None = None
    say: Callable[[str], None] = lambda sentence: None

    def run(self) -> Outcome:
        """Blocks until the run is settled and judged. Raises RunBroken where it could not be carried out."""
        plan, began = self.plan, monotonic()
        with ExitStack() as stack:
            if self.broker is not None:
                self.broker.make_refusable(self.prefix, plan.partitions)
            ensure_topics(
                self.bootstrap, self.prefix, plan.partitions, 1, security=self.security,
                embedded=self.broker is not None,
            )  # fmt: skip
            observer = stack.enter_context(Observer(self.bootstrap, self.prefix, plan.partitions, self.security))
            site = Site(self.bootstrap, self.prefix, plan.partitions, self.data, 0, self.environment, observer.poll)
            self.data.mkdir(parents=True, exist_ok=True)
            hatchery = Hatchery(SESSION, plan.mutant)
            stack.callback(hatchery.close)
            hatchery.begin(self.data / "workers.log")
            proxy = self._proxy(site)
            stack.callback(proxy.close)
            stack.callback(site.end)
            upstream = Upstream(self.bootstrap, self.prefix, self.security)
            stack.callback(upstream.close)
            random = Random(plan.seed)
            deck = Deck(deque(plan.traps), len(plan.traps)) if plan.traps else Deck.drawn(random, plan.strikes)
            stage = Stage(site, hatchery, random, deck, plan.partitions, self.broker, proxy)
            stage.tolerated = 30 + plan.blows
            return _Run(plan, stage, observer, upstream, self.say).carried_out(began)

    def _proxy(self, site: Site) -> Proxy:
        listen = free_ports(1)[0]
        site.reached = f"http://{HOST}:{listen}"
        broker = self.broker.proxied() if self.broker is not None else {}
        return Proxy({PROVIDER: (listen, site.simulator_port), **broker}, self.data / "proxy.log")


def routes() -> list[str]:
    """The routes that a run's own broker needs: one for each worker that there may be."""
    return [f"worker-{number}" for number in range(1, MOST + 1)]


@dataclass
class _Run:
    plan: Plan
    stage: Stage
    observer: Observer
    upstream: Upstream
    say: Callable[[str], None]
    blows: Counter[str] = field(default_factory=Counter)
    published: list[Item] = field(default_factory=list)
    waiting: deque[Sequence[Item]] = field(default_factory=deque)  # of the wave that is being published
    _mark: int = 0  # commits when a worker was last started

    def carried_out(self, began: float) -> Outcome:
        plan, stage = self.plan, self.stage
        stage.site.begin(
            {
                "seed": plan.seed, "latency": plan.latency, "journeys": RECEIPTS, "rate_window": WINDOW,
                "faults": [*CALLBACK_FAULTS, *plan.provider_faults],
            }
        )  # fmt: skip
        stage.pause = self._go_on
        for _ in range(plan.workers):
            stage.start(stage.hire())
        proxied = stage.proxy is not None and stage.broker is not None
        weights = possible(plan.weights, broker=stage.broker is not None, proxy=proxied, workers=plan.workers)
        feed = Feed(plan.seed, plan.contacts, plan.partitions, start=int(time() * 1000) - plan.events - 60_000)
        blows = schedule(stage.random, plan.blows, plan.workers, weights)
        size = plan.events // (plan.blows + 1)
        number = -1
        for number, blow in enumerate(blows):
            self._wave(list(feed.wave(number, size)), blow)
            self.say(
                f"{number + 1} of {plan.blows} blows, {stage.deck.struck.total()} of {stage.deck.given} strikes, "
                f"{stage.kills} kills, {len(self.published)} events, {monotonic() - began:.0f} s"
            )
        self._wave(list(feed.wave(plan.blows, plan.events - len(self.published))), None)
        self._last_strikes(feed)
        self._settle()
        evidence = Evidence(
            self.observer.records(),
            [entry["clientId"] for entry in stage.site.ledger(detail=True)["entries"]],
            plan.partitions,
            mac_key(stage.site.secret),
            keys=Keyring(numbers=number_key(stage.site.secret)),
        )
        for worker in stage.workers:
            worker.end()
        verdict = _judged(evidence, self.published, SLOTS * max(plan.workers, MOST) * stage.lost)
        return Outcome(
            plan, verdict, self.blows + stage.extra, dict(stage.deck.struck), stage.kills,
            [status for worker in stage.workers for status in worker.ended], stage.handovers,
            sorted(plan.weights.keys() - weights.keys()), _figures(evidence), monotonic() - began,
        )  # fmt: skip

    # --- the feed -------------------------------------------------------------------------------------------------

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
                self.stage.site.order_faults([SLOW])
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
        """The next records of the wave; slowly while the strikes at crash points are behind."""
        chunk = self.waiting.popleft()
        self.upstream.publish(chunk)
        self.upstream.flush()
        self.published += chunk
        ahead = len(self.published) / self.plan.events > self.stage.deck.share
        self._pause(TRICKLE if ahead else 0.005)

    def _last_strikes(self, feed: Feed) -> None:
        """The feed is used up and some crash points are not struck often enough: upstream goes on a little longer."""
        wave, since = self.plan.blows + 1, monotonic()
        while not self.stage.struck:
            struck = self.stage.deck.struck.total()
            self.waiting.extend([list(feed.wave(wave, CHUNK))])
            self._publish()
            wave += 1
            if self.stage.deck.struck.total() > struck:
                since = monotonic()
            elif monotonic() - since > STUCK:
                left = {trap.point for trap in self.stage.deck.left}
                left |= {trap.point for worker in self.stage.workers if (trap := worker.trap or worker.sprung)}
                raise RunBroken(f"nobody comes by {', '.join(sorted(left))}: see the logs in {self.stage.site.data}")

    # --- strikes --------------------------------------------------------------------------------------------------

    def _until_busy(self) -> None:
        """Until a worker has committed something since the last one was started: it is at work."""
        before = monotonic()
        while self.observer.commits <= self._mark:
            self._pause(0.02)
            if monotonic() - before > STUCK:
                raise RunBroken(f"no worker commits anything: see the logs in {self.stage.site.data}")

    def _until_calling(self) -> None:
        """Until calls of the provider are under way, or all was decided and none followed."""
        ends, before = self.observer.ends(), monotonic()
        while not self.observer.open.calls and self.observer.behind(ends) and monotonic() - before < STUCK:
            self._pause(0.002)

    def _strike(self, blow: Blow) -> None:
        stage = self.stage
        there = [worker for worker in stage.workers if worker.wanted]
        if FAULTS[blow.fault].inject(stage, there[blow.worker % len(there)]):
            self.blows[blow.fault] += 1
        self.observer.poll(0)
        self._mark = self.observer.commits

    def _go_on(self, seconds: float) -> None:
        """So long as a fault lasts, upstream goes on."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if self.waiting and self.stage.deck.share >= len(self.published) / self.plan.events:
                self._publish()
            self._pause(min(left, 0.1))

    def _pause(self, seconds: float) -> None:
        until = monotonic() + seconds
        self.stage.tend()
        while (left := until - monotonic()) > 0:
            self.observer.poll(min(left, 0.02))
            self.stage.tend()

    def _settle(self) -> None:
        """Until all that lies in the topics is decided, each attempt answered, each callback made; or until nothing is
        left but sends that nobody finishes, which is for the checker to judge."""
        observer, stage, moved, since = self.observer, self.stage, (-1, -1, -1), monotonic()
        while True:
            self._pause(0.1)
            pending = stage.site.ledger()["callbacks_pending"]
            ends, asked = observer.ends(), monotonic()
            while not observer.read_up_to(ends):
                self._pause(0.1)
                if monotonic() - asked > STUCK:
                    raise RunBroken(f"the topics cannot be read to their ends: see the logs in {stage.site.data}")
            lag = observer.behind(ends)
            quiet = not pending and not lag and not observer.open
            if quiet and observer.ends() == ends and not stage.site.ledger()["callbacks_pending"]:
                return
            journal = sum(end for (role, _), end in ends.items() if role is Role.JOURNAL)
            progress = (lag, len(observer.open), sum(ends.values()))
            if self.plan.mutant:
                progress = (int(lag > 0), 0, journal if lag else len(observer.open))
            if progress != moved:
                moved, since = progress, monotonic()
            elif self.plan.mutant and monotonic() - since > STILL:
                return  # what a mistake has left open stays open: the checker says so
            elif monotonic() - since > STUCK:
                if not pending and not lag:
                    return
                raise RunBroken(
                    f"nothing moves: {lag} records undecided, {len(observer.open)} sends open, {pending} callbacks "
                    f"pending: see the logs in {stage.site.data}"
                )


def _judged(evidence: Evidence, published: Sequence[Item], most_unknown: int) -> Verdict:
    """The checker's verdict. It makes millions of values that all stay: a collector that walks them finds nothing."""
    gc.disable()
    try:
        return check(evidence, published, most_unknown)
    finally:
        gc.enable()


def _figures(evidence: Evidence) -> dict[str, int]:
    kinds = Counter(fact.type.removeprefix("recado.").removesuffix(".v1") for fact in evidence.facts)
    records = {f"records in {role.value}": len(evidence.of(role)) for role in evidence.events}
    crashed = sum(orjson.loads(r.value or b"{}")["data"].get("reason") == "crash" for r in evidence.of(Role.JOURNAL))
    return {
        **records, "facts": len(evidence.facts), **dict(sorted(kinds.items())), "unknown by a crash": crashed,
        "accepted by the provider": len(evidence.ledger), "dead letters": len(evidence.dead_letters),
    }  # fmt: skip

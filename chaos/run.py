"""One run: real processes on a real broker, fed and struck by seed, then judged when all is settled."""

import gc
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Final

import orjson

from chaos import provider
from chaos.checker import Verdict, check
from chaos.evidence import Evidence
from chaos.faults import FAULTS, Blow, possible, schedule
from chaos.feed import ACCOUNT, CAPPED, SETTINGS, Feed, Item, capped
from chaos.plan import Outcome, Plan
from chaos.processes import RunBroken
from chaos.stage import MOST, Stage
from chaos.topics import Observer, Upstream
from connectors.credentials import mac_key, number_key
from connectors.simulator.ledger import Receipt
from events.topics import Role
from projections.keyring import Keyring
from streams.sender import BULK, BULK_SLOTS, SINGLE_SLOTS, SPARE_BULKS, SPARE_SINGLES

SLOTS: Final = (
    SINGLE_SLOTS + SPARE_SINGLES + (BULK_SLOTS + SPARE_BULKS) * BULK
)  # attempts of one worker without an answer
LEAST_A_DAY: Final = 20  # SMS of the account with a limit: it is reached in every run that is long enough
CHUNK: Final = 25  # records published at once
TRICKLE: Final = 0.1  # seconds between two chunks while the strikes are behind the feed
STILL: Final = 15.0  # seconds without a fact, after which a run with a deliberate mistake is judged as it is
SETTLED_WITHIN: Final = 900.0  # seconds after the last blow: what moves for longer moves for ever
STUCK: Final = 120.0  # seconds in which nothing moves at all: only then is a run given up


@dataclass
class Run:
    """One run over a stage that is set: `carried_out` blocks until it is settled and judged."""

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
                "seed": plan.seed, "latency": plan.latency, "journeys": provider.RECEIPTS,
                "rate_window": provider.WINDOW, "faults": [*provider.CALLBACK_FAULTS, *plan.provider_faults],
            },
            {ACCOUNT: SETTINGS, CAPPED: capped(max(LEAST_A_DAY, plan.events // 130))},
        )  # fmt: skip
        stage.pause = self._go_on
        for _ in range(plan.workers):
            stage.start(stage.hire())
        proxied = stage.proxy is not None and stage.broker is not None
        weights = possible(plan.weights, broker=stage.broker is not None, proxy=proxied, workers=plan.workers)
        feed = Feed(
            plan.seed, plan.contacts, plan.partitions, start=int(time() * 1000) - plan.events - 60_000, capped=0.05
        )
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
        ledger = stage.site.ledger(detail=True)
        evidence = Evidence(
            self.observer.records(),
            [entry["clientId"] for entry in ledger["entries"]],
            plan.partitions,
            mac_key(stage.site.secret),
            keys=Keyring(numbers=number_key(stage.site.secret)),
            words={entry["clientId"]: (entry["to"], entry["text"]) for entry in ledger["entries"]},
            receipts=[Receipt(told["id"], told["clientId"], told["status"], told["at"]) for told in ledger["receipts"]],
        )
        for worker in stage.workers:
            worker.end()
        verdict = _judged(evidence, self.published, SLOTS * max(plan.workers, MOST) * stage.lost)
        short = [f"{point} was struck {times} times too few" for point, times in stage.deck.short.items()]
        verdict = Verdict({**verdict.found, "strikes": short})
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
                self.stage.site.order_faults([provider.SLOW])
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
        """The feed is used up and some crash points are not struck often enough: upstream goes on a little longer, and
        all workers are there again, as one alone is struck three times as slowly."""
        for worker in self.stage.workers:
            if not worker.wanted:
                self.stage.start(worker)
        wave, since = self.plan.blows + 1, monotonic()
        while not self.stage.struck or self.stage.deck.refill():
            struck = self.stage.deck.struck.total()
            self.stage.arm()
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
        began = since
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
            written = sum(end for (role, _), end in ends.items() if role is not Role.STATE)  # ids are swept for ever
            progress = (lag, len(observer.open), written)
            if self.plan.mutant:
                progress = (int(lag > 0), 0, journal if lag else len(observer.open))
            if monotonic() - began > SETTLED_WITHIN:
                raise RunBroken(
                    f"it does not come to rest: {lag} records undecided, {len(observer.open)} sends open, {pending} "
                    f"callbacks pending: see the logs in {stage.site.data}"
                )
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

"""What faults act upon: the workers of a run, their broker, their connections; and who starts again what ended."""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from chaos.broker import Broker
from chaos.hatchery import Hatchery, Worker
from chaos.points import Deck, Trap
from chaos.processes import RunBroken, Site
from chaos.proxy import Proxy

SESSION: Final = 6.0  # seconds: the workers' session in the consumer group, the shortest that a broker takes
BEYOND: Final = SESSION + 2.5
PATIENCE: Final = 15.0  # seconds at work until a trap that nobody comes by is taken up again, and its worker killed
SURVIVED: Final = 2.0  # seconds after which a worker that a fault did not end will not end of it
MOST: Final = 3  # workers at once
PROVIDER: Final = "provider"  # the route from workers to the provider

Pause = Callable[[float], None]


@dataclass
class Stage:
    """`pause` lets so many seconds go by, in which upstream publishes and workers are tended. `broker` and `proxy` are
    there only where the run owns them. `kills` counts SIGKILLs, `handovers` are seconds, of planned stops."""

    site: Site
    hatchery: Hatchery
    random: Random
    deck: Deck
    partitions: int
    broker: Broker | None = None
    proxy: Proxy | None = None
    pause: Pause = time.sleep
    workers: list[Worker] = field(default_factory=list)
    kills: int = 0
    lost: int = 0  # how often a worker may have left attempts open
    handovers: list[float] = field(default_factory=list)
    extra: Counter[str] = field(default_factory=Counter)  # faults beyond the schedule
    tolerated: int = 30  # times that one worker may end by itself

    def hire(self) -> Worker:
        """One worker more, not started."""
        number = len(self.hatchery.workers) + 1
        name = f"worker-{number}"
        proxied = self.broker.proxied() if self.broker is not None else {}
        bootstrap = f"127.0.0.1:{proxied[name][0]}" if name in proxied else ""
        data = self.site.data
        worker = Worker(
            name, self.site.environment_of(name, bootstrap), data / f"{name}.log", data / "workers" / f"{name}.state",
            data / f"{name}.trap", self.hatchery,
        )  # fmt: skip
        self.hatchery.workers[name] = worker
        self.workers.append(worker)
        return worker

    def start(self, worker: Worker) -> None:
        """Start it with the deck's next trap. What a recovery is to be struck in has something to recover."""
        trap = self.deck.take()
        if trap is not None and trap.point == "inside recovery":
            self.delete_state(worker)
        worker.start(trap)

    def end(self, worker: Worker, number: int) -> None:
        """Signal it and wait for its end. The trap that has not struck meanwhile goes back."""
        trap = worker.end(number)
        self._struck(worker)
        self.deck.put_back(trap)

    def kill(self, worker: Worker) -> None:
        """SIGKILL."""
        self.kills += 1
        self.lost += 1
        self.end(worker, signal.SIGKILL)

    def delete_state(self, worker: Worker) -> None:
        """What a machine loses with its disk: the worker's local state, while it does not run."""
        shutil.rmtree(worker.state, ignore_errors=True)

    @property
    def struck(self) -> bool:
        """Every trap of the deck has struck."""
        return not self.deck.left and all(worker.trap is None and worker.sprung is None for worker in self.workers)

    # --- what happens by itself -----------------------------------------------------------------------------------

    def tend(self) -> None:
        """Count what was struck, let go what was frozen long enough, start again what ended."""
        self.hatchery.look()
        now = time.monotonic()
        for worker in self.workers:
            if worker.held:
                continue
            if worker.sprung is not None and worker.sprung.deed == "freeze":
                self._struck(worker)
                worker.thaws_at = now + BEYOND
            elif worker.sprung is not None and not worker.running:
                self._struck(worker)
                if worker.wanted:  # else it was being stopped, and whoever stops it starts it again
                    self.start(worker)
            elif worker.sprung is not None and worker.sprung.deed == "fault" and now - worker.sprung_at > SURVIVED:
                self._struck(worker)  # and it goes on, which only a mistake can make it do
                worker.arm(self.deck.take())
            elif worker.wanted and not worker.running:
                self._ended(worker)
            elif worker.thaws_at is not None and now > worker.thaws_at:
                worker.thaws_at = None
                worker.send_signal(signal.SIGCONT)
                self.deck.put_back(worker.arm(self.deck.take()))
            elif worker.trap is not None and worker.owned is not None and now - worker.owned_since > PATIENCE:
                self.extra["SIGKILL"] += 1
                # One that owns a single partition comes by some points once in its life: waited for in vain, a trap
                # strikes at the first pass.
                worker.trap = worker.trap._replace(passes=1)
                struck = self._busier(worker)
                self.kill(struck)
                self.start(struck)

    def _busier(self, worker: Worker) -> Worker:
        """Itself; or where it owns nothing, and so comes by nothing however often it starts, one that does and has no
        trap: its trap goes back for that one."""
        others = (each for each in self.others(worker) if each.running and each.owned and each.trap is None)
        other = (
            None if worker.owned else next((each for each in others if not each.held and each.thaws_at is None), None)
        )
        if other is None:
            return worker
        self.deck.put_back(worker.arm(None))
        return other

    def _struck(self, worker: Worker) -> None:
        trap, worker.sprung = worker.sprung, None
        if trap is None:
            return
        self.deck.sprung(trap)
        self.kills += trap.deed == "kill"
        self.lost += 1

    def _ended(self, worker: Worker) -> None:
        """It ended by itself, as one does whose broker fails it: a service manager starts it again."""
        self.lost += 1
        if len(worker.ended) > self.tolerated:
            raise RunBroken(f"{worker.name} ends again and again: {worker.last_words}")
        self.deck.put_back(worker.trap)
        self.start(worker)

    # --- what faults wait for -------------------------------------------------------------------------------------

    def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Let time go by until this is so; False if it is not within so long."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                return False
            self.pause(0.02)
        return True

    @property
    def settled(self) -> bool:
        """Every partition is owned, each once, and every worker that runs knows what it owns."""
        owned = [worker.owned for worker in self.workers if worker.wanted]
        return None not in owned and sorted(p for each in owned for p in each or ()) == list(range(self.partitions))

    def others(self, worker: Worker) -> list[Worker]:
        return [other for other in self.workers if other is not worker and other.wanted]

    def calm(self) -> bool:
        """No trap is set, none is frozen, all is owned. False where that does not come about soon."""
        for worker in self.workers:
            self.deck.put_back(worker.arm(None))
            if worker.thaws_at is not None:
                worker.thaws_at = 0.0
        return self.until(lambda: self.settled and all(w.thaws_at is None and w.trap is None for w in self.workers), 20)

    def arm(self) -> None:
        """Every worker that has no trap gets one; not one that was struck a moment ago, with which it would be lost."""
        for worker in self.workers:
            if worker.running and worker.trap is None and worker.sprung is None and worker.thaws_at is None:
                worker.arm(self.deck.take())

    def sprung(self, worker: Worker, trap: Trap, seconds: float) -> bool:
        """Set this trap for a worker that runs, and wait until it has struck."""
        worker.held = True
        self.deck.put_back(worker.arm(trap))
        return self.until(lambda: worker.sprung == trap or not worker.running, seconds) and worker.sprung == trap

"""A run's stage is set: topics, proxy, provider, hatchery; then the run goes over it, and all of it ends again."""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from chaos.broker import Broker
from chaos.hatchery import Hatchery
from chaos.plan import Outcome, Plan
from chaos.points import Deck
from chaos.ports import HOST, free_ports
from chaos.processes import Site
from chaos.proxy import Proxy
from chaos.run import Run
from chaos.stage import MOST, PROVIDER, SESSION, Stage
from chaos.topics import Observer, Upstream
from connectors.kafka.admin import ensure_topics
from connectors.kafka.security import Security


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
            return Run(plan, stage, observer, upstream, self.say).carried_out(began)

    def _proxy(self, site: Site) -> Proxy:
        listen = free_ports(1)[0]
        site.reached = f"http://{HOST}:{listen}"
        broker = self.broker.proxied() if self.broker is not None else {}
        return Proxy({PROVIDER: (listen, site.simulator_port), **broker}, self.data / "proxy.log")


def routes() -> list[str]:
    """The routes that a run's own broker needs: one for each worker that there may be."""
    return [f"worker-{number}" for number in range(1, MOST + 1)]

"""A whole Recado to send with: simulator, ingress and one worker as the processes they are in production."""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import Request, urlopen

import orjson

from benchmarks.bench import PARTITIONS, Bench
from benchmarks.processes import Usage
from chaos.feed import ACCOUNT
from chaos.processes import Process, RunBroken, Site
from connectors.kafka.admin import ensure_topics
from events import topics
from events.topics import Role

__all__ = ["ACCOUNT", "Sending"]

STILL = 60.0  # seconds without an acceptance after which a run has failed


class Sending:
    """One site on topics of its own, set up and settled, with the worker running."""

    def __init__(self, bench: Bench) -> None:
        self.prefix = f"{bench.name('site')}."
        data: Path = bench.scratch / self.prefix
        ensure_topics(bench.bootstrap, self.prefix, PARTITIONS, 1, embedded=True)
        self.site = Site(bench.bootstrap, self.prefix, PARTITIONS, data, 1, {}, sleep)
        bench.resources.callback(self.site.end)
        self._worker: Process = self.site.begin({})[0]
        self._worker.start()

    def topic(self, role: Role) -> str:
        return topics.name(self.prefix, role)

    @property
    def url(self) -> str:
        """The provider's API, as a connector is told."""
        return f"{self.site.provider}/transactional/v1"

    @property
    def token(self) -> str:
        return (self.site.data / "token").read_text("ascii")

    def usage(self) -> Usage:
        """Of the worker."""
        process = self._worker._process
        return Usage(0.0, 0) if process is None else Usage.of(process.pid)

    def accepted(self) -> int:
        """How many messages the provider has accepted."""
        return int(self.site.ledger()["accepted"])

    def entries(self) -> list[Mapping[str, Any]]:
        """Each of them, in order: `to`, and `at` in ms."""
        return list(self.site.ledger(detail=True)["entries"])

    def until_accepted(self, count: int) -> None:
        """Until the provider has accepted so many. Raises RunBroken where nothing moves any more."""
        moved, before = monotonic(), -1
        while (now := self.accepted()) < count:
            if now != before:
                moved, before = monotonic(), now
            if monotonic() - moved > STILL or not self._worker.alive:
                tail = self._worker.log.read_text("utf-8", "replace")[-600:]
                raise RunBroken(f"the provider accepted {now} of {count} messages and then no more: {tail}")
            sleep(0.1)

    def provider_takes(self, seconds: float) -> None:
        """From now on it answers that late, and sends no receipts."""
        self._order("journeys", {"steps": []})
        self._order("faults", {"kind": "slow", "seconds": seconds})

    def _order(self, path: str, what: Mapping[str, object]) -> None:
        url = f"{self.site.provider}/_sim/{path}"
        for method, body in (("DELETE", b""), ("POST", orjson.dumps(what))):
            with urlopen(Request(url, body or None, method=method), timeout=30) as answer:  # noqa: S310 - this machine
                answer.read()


def of(bench: Bench) -> Sending:
    """The bench's site, begun the first time."""
    if bench.sending is None:
        bench.sending = Sending(bench)
    return bench.sending

"""What a worker knows of each account's providers: their limits (rate.py) and their health (circuit.py). The Gate of
its deciders asks it before an attempt, and its sender tells it what came of each call. Pure: the clock is an argument.

Nothing of this is kept: a new worker learns it again from the first answers.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from connectors.carriers.base import Accepted, Answer, Refused, Unknown
from events.account import Connector
from events.shape import Class
from projections.account import Account
from streams.circuit import Circuit, End
from streams.leave import GO, Leave
from streams.rate import Bucket

__all__ = ["BULK", "Gates", "PartitionGate"]

log = logging.getLogger(__name__)

BULK: Final = 100  # newsletters in one call: instasent.md, section 1


@dataclass(slots=True)
class _Line:
    """One account's one connector."""

    connector: Connector | None
    bucket: Bucket
    circuit: Circuit = field(default_factory=Circuit)


class _Place(NamedTuple):
    """Newsletters that share one call: how many more it holds, and what the first was told, at which `now`."""

    left: int
    leave: Leave
    asked_at: int

    def holds(self, now: int) -> bool:
        """Of those that wait: may another one join them? While a circuit is open things may change in between."""
        return self.asked_at == now or (self.leave.reason == "rate" and now < (self.leave.until or 0))


class Gates:
    """All accounts' lines, shared by the pipelines of a worker. `share` is its part of all partitions, and so of each
    account's budget."""

    def __init__(self, share: Callable[[], float] = lambda: 1.0) -> None:
        self._share = share
        self._lines: dict[tuple[str, bool], _Line] = {}

    def open_circuits(self) -> list[str]:
        """Accounts whose provider is not called at present, in order."""
        return sorted({name for (name, _), line in self._lines.items() if line.circuit.is_open})

    def line(self, account: Account, fallback: bool = False) -> _Line:
        """What is known of a connector; nothing, if it was changed."""
        connector = account.fallback if fallback else account.connector
        key = account.name, fallback
        line = self._lines.get(key)
        if line is None or (line.connector is not connector and line.connector != connector):
            if line is not None and line.circuit.is_open:
                log.warning("account %s: its connector was changed: its provider is called again", account.name)
            line = self._lines[key] = _Line(connector, Bucket(account.name))
        return line

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool) -> tuple[Leave, int]:
        """Leave for one call, as streams/leave.py has it, and for how many messages of the class it is."""
        line, share = self.line(account), self._share()
        most = 1 if class_ == "transactional" else BULK
        wait = line.circuit.wait(now)
        if wait is None:
            probes = line.circuit.is_open  # with one message, as its outcome may never be known
            size = 1 if probes or line.bucket.by_message else most
            ready = line.bucket.take(class_, size, now, share, waited=waited)
            if ready is None:
                line.circuit.probe(now)
                return GO, size
            return Leave(line.bucket.queue(class_, most, ready, share), "circuit" if probes else "rate"), most
        if self._falls_back(account, class_, now):
            return Leave(wait, "circuit", fallback=True), 1
        return Leave(line.bucket.queue(class_, most, wait, share), "circuit"), most

    def _falls_back(self, account: Account, class_: Class, now: int) -> bool:
        if account.fallback is None or account.fallback.sealed_token is None:
            return False
        line = self.line(account, fallback=True)
        if line.circuit.wait(now) is not None:
            return False
        if line.bucket.take(class_, 1, now, self._share(), waited=True) is not None:
            return False
        line.circuit.probe(now)
        return True

    def told(
        self, account: str, class_: Class, answers: Sequence[Answer], now: int, *, fallback: bool = False
    ) -> int | None:
        """What one call came to; `answers` are its messages'. When those that were surely not taken, and may be tried
        again, ask again: None where nothing is known that would put them off."""
        line = self._lines.get((account, fallback))
        if line is None or not answers:
            return None
        share, last = self._share(), answers[-1]
        line.bucket.told(len(answers), last.rate, now, share)
        if isinstance(last, Refused) and last.scope == "withheld":
            line.circuit.forgo()
            return None
        if line.circuit.ended(_end(last), now):
            self._tell(account, line, last)
        if isinstance(last, Refused) and last.scope == "rate":
            ready = line.bucket.refused(class_, last.rate, now)
            return line.bucket.queue(class_, len(answers), ready, share)
        line.bucket.passed()
        wait = line.circuit.wait(now)
        return None if wait is None else line.bucket.queue(class_, len(answers), wait, share)

    def _tell(self, account: str, line: _Line, last: Answer) -> None:
        if not line.circuit.is_open:
            log.warning("account %s: its provider answers again: its sends go on", account)
            return
        status = last.status if isinstance(last, Refused) else None
        what = f"HTTP {status}" if status else "no connection, or no answer, several times in a row"
        remedy = "its token, its funds and its base URL" if line.circuit.cause == "account" else "whether it is up"
        log.error("account %s: its provider is not called for now (%s): its sends wait; see %s", account, what, remedy)


class PartitionGate:
    """streams/leave.py's Gate of one partition's deciders. The newsletters of one commit share calls, as the sender
    makes them, and so do those that wait: they come back together."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._going: dict[str, _Place] = {}
        self._waiting: dict[str, _Place] = {}

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool) -> Leave:
        """See Gate."""
        if class_ == "transactional":
            return self._gates.ask(account, class_, now, waited=waited)[0]
        name = account.name
        going = self._going.get(name)
        if going is not None and going.asked_at == now and going.left:  # a commit has one `now`
            self._going[name] = going._replace(left=going.left - 1)
            return going.leave
        waiting = self._waiting.get(name)
        if waiting is not None and waiting.left and waiting.holds(now):
            self._waiting[name] = waiting._replace(left=waiting.left - 1)
            return waiting.leave
        leave, size = self._gates.ask(account, class_, now, waited=waited)
        kept = self._going if leave.until is None or leave.fallback else self._waiting
        kept[name] = _Place(size - 1, leave, now)
        return leave


def _end(answer: Answer) -> End:
    match answer:
        case Accepted():
            return "well"
        case Refused(scope="account"):
            return "account"
        case Refused(scope="connection"):
            return "failure"
        case Refused():
            return "well"
        case Unknown(account=True):
            return "account"
        case Unknown():
            return "failure"

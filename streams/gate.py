"""What a worker knows of each account's providers: their limits (rate.py) and their health (circuit.py). The Gate of
its deciders asks it before an attempt, and its sender tells it what came of each call. Pure: the clock is an argument.

A limit is an endpoint's: Instasent takes a single SMS at one and many at another, and what one of them said says
nothing of the other. Transactional sends go by the one and newsletters by the other, a lone one too. A provider with a
single endpoint has one limit for all, and each SMS is a call of its own.
Nothing of this is kept: a new worker learns it again from the first answers.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.carriers.base import NOT_SAID, Answer, Refused
from events.account import Connector
from events.shape import Class
from projections.account import Account
from streams import provider_state
from streams.circuit import ENDS, Circuit
from streams.endings import end, made_as
from streams.group import BULK, Group
from streams.leave import GO, Leave
from streams.rate import Bucket
from streams.unit import Unit

__all__ = ["BULK", "Gates", "PartitionGate"]

log = logging.getLogger(__name__)

JOINT: Final = frozenset(("instasent",))  # providers with an endpoint for many
REMINDED: Final = 60_000  # ms between two lines of the log about what a provider does not take of an account


@dataclass(slots=True)
class _Line:
    """One account's one connector: its endpoints, the same one twice where it takes no calls of many."""

    connector: Connector | None
    single: Bucket
    many: Bucket
    circuit: Circuit = field(default_factory=Circuit)
    parked: int = 0  # SMS that failed for good, as the provider did not take the request, since the log told of it
    tells_at: int = 0
    status: int | None = None  # HTTP, of the call that last failed

    def seen(self, bucket: Bucket, class_: Class, now: int, share: float) -> Mapping[str, Any]:
        """What a person may want to know of why a send may not go."""
        limit, circuit = provider_state.of_limit, provider_state.of_circuit
        return circuit(self.circuit, self.status) if self.circuit.is_open else limit(bucket, class_, now, share)

    @classmethod
    def of(cls, name: str, connector: Connector | None) -> "_Line":
        if connector is not None and connector.provider in JOINT:
            return cls(connector, Bucket(name), Bucket(name))
        one = Bucket(name, unit=Unit(by_message=True))
        return cls(connector, one, one)

    @property
    def joint(self) -> bool:
        return self.many is not self.single

    def bucket(self, class_: Class) -> Bucket:
        return self.single if class_ == "transactional" else self.many


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
            line = self._lines[key] = _Line.of(account.name, connector)
        return line

    def ask(
        self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False,
        full: int | None = None,
    ) -> Group:  # fmt: skip
        """Leave for one call, as streams/leave.py has it. `full`: the one that its commit makes takes no more of them
        until then, and another would be the same one for the sender."""
        line, share = self.line(account), self._share()
        wait, reason = line.circuit.wait(now), "circuit" if line.circuit.is_open else "rate"
        bucket = line.bucket(class_)
        most = 1 if class_ == "transactional" else min(BULK, bucket.most(share))
        if wait is None:
            group = full or self._booked(line, class_, now, waited=waited)
            if isinstance(group, Group):
                return group
            wait = group
        elif may_fall_back and account.fallback is not None and account.fallback.sealed_token is not None:
            other = self.line(account, fallback=True)
            group = full or self._booked(other, class_, now, waited=True)
            if isinstance(group, Group):
                group.leave = Leave(wait, "circuit", fallback=True, looked_at=line.seen(bucket, class_, now, share))
                return group
        seen, until = line.seen(bucket, class_, now, share), bucket.queue(class_, 1, wait, share)
        leave = Leave(until, "circuit" if reason == "circuit" else "rate", looked_at=seen)
        return Group(leave, now, bucket, False, most, may_fall_back)

    def _booked(self, line: _Line, class_: Class, now: int, *, waited: bool) -> Group | int:
        """A call that may be made now, whose place is taken; or when to ask again."""
        wait = line.circuit.wait(now)
        if wait is not None:
            return wait
        bucket = line.bucket(class_)
        ready = bucket.take(class_, 1, now, self._share(), waited=waited)
        if ready is not None:
            return ready
        # A circuit is probed with one message, as its outcome may never be known.
        alone = line.circuit.probe(now) or not line.joint or class_ == "transactional"
        return Group(GO, now, bucket, True, 1 if alone else BULK)

    def join(self, group: Group, now: int, *, waited: bool) -> int | None:
        """One more newsletter goes in this call: None; or when to ask again."""
        ready = group.bucket.take("newsletter", 1, now, self._share(), waited=waited, joins=group.count)
        group.count += ready is None
        return ready

    def wait_with(self, group: Group) -> None:
        """One more waits with these."""
        group.bucket.queue_with(group.count, self._share())
        group.count += 1

    def told(
        self, account: str, class_: Class, answers: Sequence[Answer], now: int, *, fallback: bool = False
    ) -> int | None:
        """What was answered to `answers`' messages, which were handed over together: in one call, or in several, whose
        order says nothing. When those that were surely not taken, and may be tried again, ask again: None where nothing
        is known that would put them off."""
        line = self._lines.get((account, fallback))
        if line is None or not answers:
            return None
        share, calls, bucket = self._share(), made_as(answers, joint=line.joint), line.bucket(class_)
        made = [call for call in calls if end(call) is not None]
        torn = line.joint and len(calls) > 1  # it was booked as one call, and handed over in parts
        if torn:
            bucket.told(len(answers), NOT_SAID, now, share)
        for call in calls:
            if not torn and end(call) is None:
                bucket.undo(class_, len(call), now, share)
        barred = 0
        for call in made:
            bucket.told(len(call), call[0].rate, now, share, booked=0 if torn else None)
            if not any(isinstance(answer, Refused) and answer.scope == "rate" for answer in call):
                bucket.passed()
        for call in made:
            if isinstance(call[0], Refused) and call[0].scope == "rate":
                barred = max(barred, bucket.refused(class_, call[0].rate, now, len(call)))
        if not made:
            return None
        self._ended(account, line, made, now)
        ready = max(barred, line.circuit.wait(now) or 0)
        return bucket.queue(class_, len(answers), ready, share) if ready else None

    def _ended(self, account: str, line: _Line, calls: Sequence[Sequence[Answer]], now: int) -> None:
        """The circuit hears of each call, the worst ones last: a good one beside them is no sign that all is well."""
        for ended, call in sorted(((end(call) or "well", call) for call in calls), key=lambda one: ENDS.index(one[0])):
            status = next((answer.status for answer in call if isinstance(answer, Refused)), None)
            if ended == "request":
                self._park(account, line, len(call), status, now)
            if ended != "well":
                line.status = status
            if line.circuit.ended(ended, now, len(call) if ended == "request" else 1):
                self._tell(account, line, status)

    def _park(self, account: str, line: _Line, messages: int, status: int | None, now: int) -> None:
        line.parked += messages
        if now < line.tells_at:
            return
        words = "account %s: its provider does not take what it is asked (HTTP %s): SMS that failed for good: %s"
        log.warning(words, account, status, line.parked)
        line.parked, line.tells_at = 0, now + REMINDED

    def _tell(self, account: str, line: _Line, status: int | None) -> None:
        if not line.circuit.is_open:
            log.warning("account %s: its provider answers again: its sends go on", account)
            return
        what = f"HTTP {status}" if status else "no connection, or no answer, several times in a row"
        remedy = {
            "account": "its token, its funds and its base URL",
            "request": "what its token may do, and its base URL",
        }.get(line.circuit.cause or "", "whether it is up")
        log.error("account %s: its provider is not called for now (%s): its sends wait; see %s", account, what, remedy)


class PartitionGate:
    """streams/leave.py's Gate of one partition's deciders. The newsletters of one commit share calls, as the sender
    makes them, and so do those that wait: they come back together."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._going: dict[str, Group] = {}
        self._waiting: dict[str, Group] = {}

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False) -> Leave:
        """See Gate."""
        gates = self._gates
        if class_ == "transactional":
            return gates.ask(account, class_, now, waited=waited, may_fall_back=may_fall_back).leave
        name = account.name
        going, waiting = self._going.get(name), self._waiting.get(name)
        full = None
        if going is not None and going.goes_with(now, may_fall_back=may_fall_back):
            full = gates.join(going, now, waited=waited)
            if full is None:
                return going.leave
        bucket = gates.line(account).bucket(class_)
        if waiting is not None and waiting.waits_with(bucket, now, waited=waited, may_fall_back=may_fall_back):
            gates.wait_with(waiting)
            return waiting.leave
        group = gates.ask(account, class_, now, waited=waited, may_fall_back=may_fall_back, full=full)
        (self._going if group.goes else self._waiting)[name] = group
        return group.leave

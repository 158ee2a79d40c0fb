"""What would become of a send if it were asked for now: the roster's decision over a state that is thrown away. Pure.

`recado send --dry-run` drives it. Nothing is decided in another way here than in a worker: the same roster, the same
fold, the same settings; so a rule that is added there counts here. What a worker's gate knows of the provider (rate,
circuit) is not known here: everything may go.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from events import privacy
from events.envelope import Input
from events.fact import Fact, FactData
from events.partition import partition_of
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from events.shape import Class
from events.topics import CLASS_OF, Role
from projections import journal, keyspace
from projections.account import Directory
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import View
from streams import roster
from streams.allowance import Standing
from streams.deciders.request import Links

__all__ = ["Expected", "Outcome", "Rehearsal"]

Outcome = Literal["go", "wait", "skip", "nothing"]


class Expected(NamedTuple):
    """One send's outcome. `reason` is that of the skip or the deferral, `repeated` or `asked_before` where nothing
    would follow; `until`, ms, of one that waits; the rest of one that goes."""

    subject: str
    send_id: str
    class_: Class
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    until: int | None = None
    looked_at: Mapping[str, Any] = {}
    attempted: SendAttempted | None = None


class _Days:
    """An allowance (streams/allowance.py) of the whole day, used up by what went before and by the run itself."""

    def __init__(self, before: Callable[[str, str], int]) -> None:
        self._before = before
        self._sent: dict[tuple[str, str], int] = {}

    def ask(self, account: str, day: str, per_day: int) -> Standing:
        if (account, day) not in self._sent:
            self._sent[account, day] = self._before(account, day)
        return Standing(self._sent[account, day], per_day)

    def prepare(self, view: View) -> None:
        return

    def count(self, sms: SendAttempted, subject: str) -> None:
        asked = subject.partition("/")[0], str(sms.looked_at.get("day"))
        if asked in self._sent:
            self._sent[asked] += 1


def _none(_: str, __: str) -> int:
    return 0


@dataclass(slots=True)
class Rehearsal:
    """One run: sends one after the other, each seeing what those before it would have left. `view` holds what was
    remembered of the contacts, and their keys (k/) where an account seals; `now` is ms; `mac_key` and `links` are those
    of the workers; `sent` tells how many SMS an account attempted on a day of its own, before the run."""

    view: View
    accounts: Directory
    now: int
    partitions: int
    mac_key: bytes
    links: Links = field(default_factory=Links)
    keys: Keyring = NO_KEYS
    sent: Callable[[str, str], int] = _none
    _days: _Days = field(init=False)

    def __post_init__(self) -> None:
        self._days = _Days(self.sent)

    def remember(self, facts: Iterable[Fact]) -> None:
        """Fold facts that the journal holds, each contact's in their order."""
        view = self.view
        for fact in facts:
            journal.fold(view, fact, self.keys)
            if isinstance(fact.data, SendSkipped | SendDeferred | SendAttempted):  # what asked for it is read only once
                cause = keyspace.seen_key(fact.subject, fact.causation_source, fact.causation_id)
                view.put(cause, keyspace.forgotten_after(self.now))

    def take(self, event: Input, role: Role) -> Expected | None:
        """Decide one event as a worker would; None for one that asks for no SMS. Raises Undecodable as a worker does
        for what only the state can tell is a dead letter."""
        partition = partition_of(event.subject.encode(), self.partitions)
        decision = roster.handle(
            event,
            role,
            self.view,
            self.accounts,
            self.now,
            partition,
            self.mac_key,
            links=self.links,
            keys=self.keys,
            allowance=self._days,
        )
        data = event.data
        if not isinstance(data, SendRequested):
            return None
        send_id, class_ = data.send_id or event.id, CLASS_OF[role]
        told = [self._opened(event.subject, fact.data) for fact in decision.facts]
        for one in told:
            if isinstance(one, SendSkipped):
                return Expected(event.subject, send_id, class_, "skip", one.reason, one.detail, None, one.looked_at)
            if isinstance(one, SendDeferred):
                return Expected(event.subject, send_id, class_, "wait", one.reason, "", one.until, one.looked_at)
            if isinstance(one, SendAttempted):
                self._days.count(one, event.subject)
                return Expected(event.subject, send_id, class_, "go", looked_at=one.looked_at, attempted=one)
        before = "repeated" if decision.outcome == "repeated" else "asked_before"
        return Expected(event.subject, send_id, class_, "nothing", before)

    def _opened(self, subject: str, data: FactData) -> FactData:
        """In clear, where the account seals what is written of its contacts."""
        cipher = self.keys.find(self.view, subject) if subject.partition("/")[0] in self.accounts.sealed else None
        return data if cipher is None else privacy.opened(data, cipher, subject)

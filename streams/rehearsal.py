"""What would become of a send if it were asked for now: the roster's decision over a state that is thrown away. Pure.

`recado send --dry-run` drives it. Nothing is decided in another way here than in a worker: the same roster, the same
fold, the same settings; so a rule that is added there counts here. What a worker's gate knows of the provider (rate,
circuit) is not known here: everything may go.

What would wait is decided once more as of the end of its wait, with what is known today. Such an SMS counts for those
that wait behind it in the run, and not for those that go before it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from events import client_id, privacy
from events.envelope import Input
from events.fact import SOURCE, Fact, FactData
from events.partition import partition_of
from events.send import SendAttempted, SendDeferred, SendRequested, SendSkipped
from events.shape import Class
from events.topics import CLASS_OF, Role
from projections import journal, keyspace, recent
from projections.account import Directory
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import View
from streams import roster
from streams.allowance import Standing
from streams.deciders.request import Links, Place
from streams.turn import Cause, Turn

__all__ = ["Expected", "Outcome", "Rehearsal"]

Outcome = Literal["go", "wait", "skip", "nothing"]

_MOST_WAITS: Final = 8  # one behind the other: the time asked for, a night, and some that no rule makes today


class Expected(NamedTuple):
    """One send's outcome. `reason` is that of the skip or the deferral, `repeated` or `asked_before` where nothing
    would follow; `until`, ms, of one that waits, and `then` what it would come to; the rest of one that goes."""

    subject: str
    send_id: str
    class_: Class
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    until: int | None = None
    looked_at: Mapping[str, Any] = {}
    attempted: SendAttempted | None = None
    then: "Expected | None" = None

    @property
    def steps(self) -> "Sequence[Expected]":
        """Itself, and what it would come to after each wait: the last one says what becomes of the SMS."""
        steps = [self]
        while steps[-1].then is not None:
            steps.append(steps[-1].then)
        return steps


class _Days:
    """An allowance (streams/allowance.py) of the whole day, used up by what went before and by the run itself."""

    def __init__(self, before: Callable[[str, str], int]) -> None:
        self._before = before
        self._sent: dict[tuple[str, str], int] = {}
        self._later: Counter[tuple[str, str]] = Counter()  # what would be sent after a wait
        self.awaited = False  # what is asked about would go after a wait

    def ask(self, account: str, day: str, per_day: int) -> Standing:
        if (account, day) not in self._sent:
            self._sent[account, day] = self._before(account, day)
        later = self._later[account, day] if self.awaited else 0
        return Standing(self._sent[account, day] + later, per_day)

    def prepare(self, view: View) -> None:
        return

    def count(self, sms: SendAttempted, subject: str) -> None:
        asked = subject.partition("/")[0], str(sms.day)
        if self.awaited:
            self._later[asked] += sms.day is not None
        elif asked in self._sent:
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
        nothing = Expected(event.subject, send_id, class_, "nothing")
        told = self._told(nothing, decision.facts)
        if told is None:
            return nothing._replace(reason="repeated" if decision.outcome == "repeated" else "asked_before")
        return self._awaited(told, partition, _MOST_WAITS)

    def _told(self, of: Expected, facts: Iterable[Fact]) -> Expected | None:
        """What the facts about this send say of it; None where there are none."""
        for one in (self._opened(of.subject, fact.data) for fact in facts):
            if isinstance(one, SendSkipped):
                return of._replace(outcome="skip", reason=one.reason, detail=one.detail, looked_at=one.looked_at)
            if isinstance(one, SendDeferred):
                return of._replace(outcome="wait", reason=one.reason, until=one.until, looked_at=one.looked_at)
            if isinstance(one, SendAttempted):
                self._days.count(one, of.subject)
                return of._replace(outcome="go", looked_at=one.looked_at, attempted=one)
        return None

    def _awaited(self, waiting: Expected, partition: int, waits: int) -> Expected:
        """What waits, with what it would come to at the end of each of its waits, of which there may be so many."""
        if waiting.until is None or not waits:
            return waiting
        place = Place(partition, self.mac_key, self.links, allowance=self._days)
        turn = Turn(self.view, self.accounts, waiting.until, place, keys=self.keys)
        subject, hashed = waiting.subject, client_id.send_hash(waiting.subject, waiting.send_id)
        sooner, self._days.awaited = self._with_later(subject), True
        decided = roster.again(turn, turn.send(hashed), hashed)
        cause = Cause(f"timer/{hashed}/{waiting.until}", SOURCE)
        decision = roster.dispatched(turn, subject, hashed, decided, cause)
        self._without_later(subject, sooner)
        then = self._told(Expected(subject, waiting.send_id, waiting.class_, "nothing"), decision.facts)
        self._days.awaited = False
        if then is None or (then.until is not None and then.until <= waiting.until):
            return waiting
        return waiting._replace(then=self._awaited(then, partition, waits - 1))

    def _with_later(self, subject: str) -> recent.Recent:
        """Let what would be sent to the contact after a wait count, too; return what was sent without it."""
        sooner: recent.Recent = self.view.get(keyspace.recent_key(subject)) or recent.initial
        later: recent.Recent = self.view.get(_later_key(subject)) or recent.initial
        if later:
            both = {each: [*sooner.get(each, ()), *later.get(each, ())] for each in {**sooner, **later}}
            self.view.put(keyspace.recent_key(subject), both)
        return sooner

    def _without_later(self, subject: str, sooner: recent.Recent) -> None:
        """Keep apart what would be sent later: what is decided as of now must not count it."""
        now: recent.Recent = self.view.get(keyspace.recent_key(subject)) or recent.initial
        known = {sequence for entries in sooner.values() for sequence, _ in entries}
        later = {each: [entry for entry in entries if entry[0] not in known] for each, entries in now.items()}
        if any(later.values()):
            self.view.put(_later_key(subject), later)
            self.view.put(keyspace.recent_key(subject), sooner)

    def _opened(self, subject: str, data: FactData) -> FactData:
        """In clear, where the account seals what is written of its contacts."""
        cipher = self.keys.find(self.view, subject) if subject.partition("/")[0] in self.accounts.sealed else None
        return data if cipher is None else privacy.opened(data, cipher, subject)


def _later_key(subject: str) -> bytes:
    """What the run would send to a contact after a wait, as what it was lately sent is kept."""
    return b"p/later/" + subject.encode()

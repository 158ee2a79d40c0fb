"""Every decision made again: each contact's inputs through the deciders, in the order in which the journal has them.

An input that left facts must leave the very same ones, byte for byte, from the state that the facts before it made; one
that left none must leave none; and the inputs of each topic must have been decided in the order in which they lie.
A receipt cannot come before the commit of its attempt, as the call cannot: one that did is a violation, too.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chaos.evidence import INPUTS, Event, Evidence, Group
from chaos.testimony import ToldAllowance, ToldGate, settings_version
from events import client_id
from events.answer import SendSettled
from events.callback import CallbackReceived
from events.codec import encode_fact
from events.envelope import Input, Undecodable
from events.fact import Fact
from events.link import LinkOpened
from events.topics import Role
from projections import contact, keyspace
from projections.account import Directory
from projections.keyspace import MemoryView
from streams import roster, waiting
from streams.allowance import UNLIMITED, Allowance
from streams.leave import FREE, Gate
from streams.turn import Decision

Queues = dict[Role, deque[Event]]


def violations(evidence: Evidence) -> Iterator[str]:
    """A sentence for each decision that does not come out again, and for each input that was lost or came too early."""
    queued = _queues(evidence)
    spread: set[tuple[str, str]] = set()
    for subject in sorted({*queued, *evidence.groups}):
        queues = queued.get(subject, {})
        updates = tuple(queues.get(Role.CONTACTS, ()))
        replay = _Replay(evidence, subject, queues)
        yield from replay.all()
        spread |= {(event.source, event.id) for event in replay.spread}
        yield from _folded(evidence, subject, updates, replay.view)
    yield from _spread(evidence, spread)


def _spread(evidence: Evidence, spread: set[tuple[str, str]]) -> Iterator[str]:
    """An opt-out that concerns other contacts with the number was told to every partition, once."""
    lying = Counter(
        (event.event.source, event.event.id, event.landed.partition)
        for event in evidence.events[Role.NUMBERS]
        if event.event is not None
    )
    wanted = {(*named, partition) for named in spread for partition in range(evidence.partitions)}
    for source, name, partition in sorted({*lying, *wanted}):
        times, due = lying[source, name, partition], int((source, name, partition) in wanted)
        if times != due:
            yield f"{source} {name} lies {times} times in {Role.NUMBERS}[{partition}], and should lie there {due} times"


def _queues(evidence: Evidence) -> Mapping[str, Queues]:
    """For each contact its inputs, topic by topic, in order: without what cannot be read, and what was moved away.

    Of the opt-outs by number only those that left a fact: where among its updates the others came, nothing tells. So it
    is with an operator's word, which counts only while nobody knows.
    """
    sends = evidence.attempted
    reached: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    for subject, groups in evidence.groups.items():
        for group in groups:
            reached[group.partition, group.source, group.id].append(subject)
    queued: dict[str, Queues] = defaultdict(dict)
    for role in INPUTS:
        for event in evidence.events[role]:
            if event.event is None or event.misplaced:
                continue
            subjects = [event.event.subject]
            if isinstance(event.event.data, CallbackReceived):
                ours = client_id.read(evidence.mac_key, event.event.data.client_id or "")
                subjects = [sends[ours.send_hash]] if ours is not None and ours.send_hash in sends else []
            elif isinstance(event.event.data, LinkOpened):
                subjects = [f"{event.event.account}/{event.event.data.contact}"]
            elif role is Role.NUMBERS or isinstance(event.event.data, SendSettled):
                subjects = reached[event.landed.partition, event.event.source, event.event.id]
            for subject in subjects:
                queued[subject].setdefault(role, deque()).append(event)
    return queued


@dataclass(slots=True)
class _Replay:
    """One contact. `now` is the engine's clock as its facts tell it, ms; `accounts` the settings they looked at."""

    evidence: Evidence
    subject: str
    queues: Queues
    view: MemoryView = field(default_factory=MemoryView)
    now: int = 0
    accounts: Directory = field(init=False)
    gate: Gate = FREE
    allowance: Allowance = UNLIMITED
    spread: list[Input] = field(default_factory=list)  # what its opt-outs tell every partition

    def __post_init__(self) -> None:
        self.accounts = self.evidence.directory()

    def all(self) -> Iterator[str]:
        """Group by group, up to the first that differs: what follows from an error says nothing new."""
        for group in self.evidence.groups.get(self.subject, ()):
            found = list(self.group(group))
            yield from found
            if found:
                return
        yield from self.rest()

    def group(self, group: Group) -> Iterator[str]:
        """The facts of one cause, decided again."""
        self.now = group.facts[0].fact.time
        self.accounts = self.evidence.directory(settings_version(group))
        self.gate = ToldGate(group)
        self.allowance = ToldAllowance(group)
        try:
            if group.internal:
                facts = self._internal(group)
            else:
                event = self._next(group)
                if event is None:
                    yield f"{self.subject}: {group.cause} left facts, but no such input waited to be decided"
                    facts = [told.fact for told in group.facts]
                else:
                    role = event.landed.role
                    while self.queues[role][0] is not event:
                        yield from self._silent(self.queues[role].popleft())
                    self.queues[role].popleft()
                    facts = list(self._handle(event).facts)
        except Undecodable as refusal:
            yield f"{self.subject}: {group.cause} left facts, but must be a dead letter ({refusal.reason})"
            facts = []
        yield from self._differ(group, facts)

    def rest(self) -> Iterator[str]:
        """What is left when the journal ends must have been silent."""
        for queue in self.queues.values():
            while queue:
                yield from self._silent(queue.popleft())

    def _next(self, group: Group) -> Event | None:
        for queue in self.queues.values():
            for event in queue:
                if event.event is not None and (event.event.source, event.event.id) == (group.source, group.id):
                    return event
        return None

    def _handle(self, event: Event) -> Decision:
        decision = _handle(self.evidence, event, self.view, self.now, self.accounts, self.gate, self.allowance)
        self.spread += decision.spread
        return decision

    def _silent(self, event: Event) -> Iterator[str]:
        assert event.event is not None  # noqa: S101 - the queues hold no other
        role, partition, offset = event.landed.place
        try:
            decision = self._handle(event)
        except Undecodable:  # the accounts of dead letters tell whether it is one
            return
        if decision.facts:
            kinds = ", ".join(fact.type for fact in decision.facts)
            yield f"{self.subject}: {role}[{partition}]@{offset} left no fact in its turn, and should have left {kinds}"

    def _internal(self, group: Group) -> list[Fact]:
        kind, hashed, number = group.id.split("/")
        if kind == "crash":
            return list(roster.abandon(self.view, hashed, self.now).facts)
        if kind == "cancelled":
            timers = (keyspace.timer_key(int(number), hashed, one) for one in keyspace.TIMERS)
            keys, waits = self.evidence.keys, [key for key in timers if self.view.get(key) is not None]
            return [fact for key in waits for fact in waiting.recall(self.view, self.accounts, self.now, key, keys)]
        wanted = [keyspace.timer_key(int(number), hashed, one) for one in keyspace.TIMERS]
        for class_, key in zip(keyspace.TIMERS, wanted, strict=True):  # the timers of a class fire in order
            while self.view.get(key) is not None:
                fired = waiting.due(
                    self.view, self.accounts, self.now, group.partition, self.evidence.mac_key, limit=1,
                    gate=self.gate, class_=class_, allowance=self.allowance, keys=self.evidence.keys,
                )  # fmt: skip
                facts = [fact for decision in fired for fact in decision.facts]
                self.spread += [event for decision in fired for event in decision.spread]
                if facts or not fired:
                    return facts
        return []

    def _differ(self, group: Group, facts: list[Fact]) -> Iterator[str]:
        told = [of.landed.value for of in group.facts]
        again = [encode_fact(fact) for fact in facts]
        if told == again:
            return
        was, now = (
            ", ".join(f"{fact.type}#{fact.sequence}" for fact in these) or "nothing"
            for these in ([of.fact for of in group.facts], facts)
        )
        yield f"{self.subject}: {group.cause} led to {was}; decided again, to {now}" + (
            " with other contents" if was == now else ""
        )


def _folded(evidence: Evidence, subject: str, updates: Sequence[Event], replayed: MemoryView) -> Iterator[str]:
    """The contact as the journal tells it, against a plain fold of its updates in their order and nothing else. Their
    keys differ, so what is sealed is compared opened; that of the journal by the keys that its replay came to."""
    key = keyspace.contact_key(subject)
    told, plain = evidence.folded[evidence.home(subject)], MemoryView()
    for event in updates:
        _handle(evidence, event, plain, 0, evidence.directory())
    one: contact.State = evidence.keys.contact(replayed, subject, told.get(key) or contact.initial)
    other: contact.State = evidence.keys.contact(plain, subject, plain.get(key) or contact.initial)
    for name in ("phone", "fields", "erased"):  # what neither a receipt nor a reply changes
        if getattr(one, name) != getattr(other, name):
            yield f"{subject}: {name} in the journal is not what its updates come to, folded in their order"


def _handle(
    evidence: Evidence,
    event: Event,
    view: MemoryView,
    now: int,
    accounts: Directory,
    gate: Gate = FREE,
    allowance: Allowance = UNLIMITED,
) -> Decision:
    assert event.event is not None  # noqa: S101 - asked of readable ones only
    return roster.handle(
        event.event, event.landed.role, view, accounts, now, event.landed.partition, evidence.mac_key,
        moved=event.landed.origin is not None, gate=gate, allowance=allowance, keys=evidence.keys,
    )  # fmt: skip

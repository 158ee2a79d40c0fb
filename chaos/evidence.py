"""What a run left behind, as strangers see it: the topics by a read_committed reader, and the provider's ledger."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from connectors.simulator.ledger import Receipt
from events import client_id, privacy
from events.cipher import Closed
from events.codec import decode_fact, decode_input
from events.dead_letter import DeadLetter, decode_dead_letter
from events.envelope import Input, Undecodable
from events.fact import SOURCE, Fact
from events.partition import partition_of
from events.send import SendAttempted
from events.topics import Role
from projections import keyring
from projections.account import Directory
from projections.journal import fold
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import MemoryView

ORIGIN = "recado-origin"  # header of a record that was moved: "topic/partition/offset" of where it had been
ROUTED = (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER)
PUBLISHED = (*ROUTED, Role.ACCOUNTS)  # what upstream writes
INPUTS = (*ROUTED, Role.CALLBACKS, Role.ANSWERS, Role.NUMBERS)
READ = (*INPUTS, Role.ACCOUNTS)  # what is read: no facts follow from recado.accounts, but dead letters do

Place = tuple[Role, int, int]
"""Topic, partition, offset."""
Identity = tuple[int, str, str, str]
"""Partition, subject, source, id: by which the same event is known again."""


class Landed(NamedTuple):
    """One record where it lies."""

    role: Role
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0  # ms, by the clock of who wrote it; 0 where nobody asks

    @property
    def place(self) -> Place:
        return self.role, self.partition, self.offset

    @property
    def origin(self) -> str | None:
        """Where it was moved from, if it was."""
        return next((value.decode() for name, value in self.headers if name == ORIGIN), None)


class Event(NamedTuple):
    """A record of an inbound topic, read. `event` is None where it cannot be: `refusal` then says why."""

    landed: Landed
    event: Input | None
    refusal: str | None
    misplaced: bool  # it belongs in another partition: nothing but a move may come of it

    @property
    def identity(self) -> Identity | None:
        event = self.event
        return None if event is None else (self.landed.partition, event.subject, event.source, event.id)


class Told(NamedTuple):
    """A fact of the journal, where it lies."""

    fact: Fact
    landed: Landed


class Group(NamedTuple):
    """The facts that one cause led to, in order."""

    subject: str
    partition: int
    source: str
    id: str
    facts: tuple[Told, ...]

    @property
    def cause(self) -> str:
        return f"{self.source} {self.id}"

    @property
    def internal(self) -> bool:
        """A timer or a take-over, not an event."""
        return self.source == SOURCE


@dataclass(frozen=True)
class Evidence:
    """All of it. `records` are of every topic, each partition's in the order of their offsets; `ledger` holds the
    client ids that the provider accepted, in order; `mac_key` is that of the client ids. `words` are, by client id, the
    number and the hash of the text that the provider was given, and `receipts` what it was told was taken: where a
    judge knows these."""

    records: Mapping[Role, Sequence[Landed]]
    ledger: Sequence[str | None]
    partitions: int
    mac_key: bytes = field(repr=False)
    keys: Keyring = field(default=NO_KEYS, repr=False)
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    receipts: Sequence[Receipt] = ()

    def of(self, role: Role) -> Sequence[Landed]:
        return self.records.get(role, ())

    def with_records(self, role: Role, records: Iterable[Landed]) -> "Evidence":
        """The same, but for one topic: for the checker's own tests."""
        return replace(self, records={**self.records, role: tuple(records)})

    @cached_property
    def events(self) -> Mapping[Role, Sequence[Event]]:
        """The inbound topics, read."""
        return {role: [self._read(landed) for landed in self.of(role)] for role in READ}

    def _read(self, landed: Landed) -> Event:
        try:
            event = decode_input(landed.role, landed.value)
        except Undecodable as refusal:
            return Event(landed, None, refusal.reason, misplaced=False)
        home = self.home(event.subject) if landed.role in ROUTED else landed.partition
        return Event(landed, event, None, home != landed.partition)

    @cached_property
    def _homes(self) -> dict[str, int]:
        return {}

    def home(self, subject: str) -> int:
        """The partition in which a contact's records belong."""
        home = self._homes.get(subject)
        if home is None:
            home = self._homes[subject] = partition_of(subject.encode(), self.partitions)
        return home

    @cached_property
    def journal(self) -> Mapping[int, Sequence[Told]]:
        """The facts of each partition. Raises Undecodable for a journal that cannot be read."""
        told: dict[int, list[Told]] = defaultdict(list)
        for landed in self.of(Role.JOURNAL):
            told[landed.partition].append(Told(decode_fact(landed.value or b""), landed))
        return told

    @cached_property
    def facts(self) -> Sequence[Fact]:
        """All facts, opened; those of one contact in their order."""
        return [self.opened(told.fact) for partition in sorted(self.journal) for told in self.journal[partition]]

    @cached_property
    def first(self) -> Mapping[tuple[str, str], Fact]:
        """The first fact that each cause, by source and id, led to."""
        first: dict[tuple[str, str], Fact] = {}
        for fact in self.facts:
            first.setdefault((fact.causation_source, fact.causation_id), fact)
        return first

    @cached_property
    def attempted(self) -> Mapping[str, str]:
        """The contact of each send that was attempted, by the send's hash."""
        return {
            client_id.send_hash(fact.subject, fact.data.send_id): fact.subject
            for fact in self.facts
            if isinstance(fact.data, SendAttempted)
        }

    @cached_property
    def _wrapped(self) -> Mapping[str, Sequence[str]]:
        """Every key that each contact ever had."""
        wrapped: dict[str, list[str]] = defaultdict(list)
        for landed in self.of(Role.KEYS):
            if (key := keyring.read(landed.value)) is not None:
                wrapped[(landed.key or b"").decode()].append(key)
        return wrapped

    def opened(self, fact: Fact) -> Fact:
        """The fact in clear, if its contact's values are sealed."""
        for wrapped in self._wrapped.get(fact.subject, ()):
            cipher = self.keys.unwrap(fact.subject, wrapped)
            fact = fact._replace(data=privacy.opened(fact.data, cipher, fact.subject))
        return fact

    def _revealed(self, letter: DeadLetter) -> DeadLetter:
        for wrapped in self._wrapped.get(letter.sealed_for, ()) if letter.sealed_for else (None,):
            with suppress(Closed):
                return self.keys.reveal(letter, wrapped)
        return letter

    @cached_property
    def folded(self) -> Mapping[int, MemoryView]:
        """The state of each partition as its facts alone make it; of sealed contacts without n/, for which their keys
        of then would be needed."""
        views = {partition: MemoryView() for partition in range(self.partitions)}
        keys = NO_KEYS if self.of(Role.KEYS) else self.keys
        for partition, journal in self.journal.items():
            view = views[partition]
            for told in journal:
                fold(view, told.fact, keys)
        return views

    @cached_property
    def groups(self) -> Mapping[str, Sequence[Group]]:
        """For each contact, what each cause led to, in the journal's order."""
        of: dict[str, list[Group]] = defaultdict(list)
        for partition, journal in self.journal.items():
            for told in journal:
                fact = told.fact
                mine = of[fact.subject]
                if mine and (mine[-1].source, mine[-1].id) == (fact.causation_source, fact.causation_id):
                    mine[-1] = mine[-1]._replace(facts=(*mine[-1].facts, told))
                else:
                    mine.append(Group(fact.subject, partition, fact.causation_source, fact.causation_id, (told,)))
        return of

    @cached_property
    def dead_letters(self) -> Sequence[DeadLetter]:
        letters = (decode_dead_letter(landed.value or b"") for landed in self.of(Role.DEAD_LETTERS))
        return [letter if letter.sealed is None else self._revealed(letter) for letter in letters]

    @cached_property
    def _directories(self) -> list[Directory]:
        """The accounts after each record of theirs, by version: the first has read none."""
        known = Directory()
        directories = [known.as_now()]
        for landed in self.of(Role.ACCOUNTS):
            try:
                known.evolve(decode_input(Role.ACCOUNTS, landed.value), landed.offset)
            except Undecodable:
                known.skip(landed.offset)
            directories.append(known.as_now())
        return directories

    def directory(self, version: int | None = None) -> Directory:
        """All accounts, as a decision saw them that says it looked at this version of the settings; None: the last."""
        directories = self._directories
        at = len(directories) if version is None else bisect_left(directories, version, key=_version)
        return directories[min(at, len(directories) - 1)]

    @cached_property
    def state(self) -> Mapping[int, Mapping[bytes, bytes]]:
        """What the compacted changelog says of each partition's keys now."""
        state: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        for landed in self.of(Role.STATE):
            if landed.key is None:
                continue
            if landed.value is None:
                state[landed.partition].pop(landed.key, None)
            else:
                state[landed.partition][landed.key] = landed.value
        return state


def _version(directory: Directory) -> int:
    return directory.version

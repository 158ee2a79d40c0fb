"""The product's workflow: bytes to an event, the roster's decision, and whose partition it is."""

from collections.abc import Callable, Sequence

from connectors.ports import MachineryFault, Message, Record
from events import dead_letter
from events.codec import Opener, decode_input, encode_input
from events.dead_letter import DeadLetter
from events.envelope import Input
from events.fact import Fact
from events.partition import partition_of
from events.shape import Class
from events.topics import Role
from projections import journal, keyspace
from projections.account import Directory
from projections.keyring import NO_KEYS, Keyring, WrongSecret, written
from streams import roster, waiting
from streams.allowance import UNLIMITED, Allowance
from streams.burial import TimerRecord
from streams.deciders.request import Links
from streams.leave import FREE, Gate
from streams.verdict import Misplaced, Verdict
from streams.view import StateView

ROUTED = frozenset((Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER))  # written by strangers, with any hash


class SendingWorkflow:
    """One partition's deciders over its view. `version` tells how far recado.accounts has been read."""

    def __init__(
        self, partition: int, partitions: int, directory: Directory, mac_key: bytes, version: Callable[[], int],
        links: Links = roster.NO_LINKS, gate: Gate = FREE, keys: Keyring = NO_KEYS,
        opener: Opener | None = None,
        allowance: Allowance = UNLIMITED,
    ) -> None:  # fmt: skip
        self._partition = partition
        self._partitions = partitions
        self._directory = directory
        self._mac_key = mac_key
        self._links = links
        self._gate = gate
        self._allowance = allowance
        self._keys = keys
        self._opener = opener
        self.settings_version = version

    def handle(self, role: Role, record: Record, view: StateView, now: int, moved: bool) -> Verdict:
        keys = self._keys
        if keys.changed:
            keys.begin()
        event = decode_input(role, record.value, self._opener)
        if role in ROUTED:
            self._check_partition(event, view)
        try:
            decision = roster.handle(
                event, role, view, self._directory, now, self._partition, self._mac_key, moved=moved,
                links=self._links, gate=self._gate, keys=keys,
                allowance=self._allowance,
            )  # fmt: skip
        except WrongSecret as wrong:
            raise MachineryFault(str(wrong)) from wrong
        silent = b""
        if decision.outcome == "unchanged":
            silent = keyspace.seen_key(event.subject, event.source, event.id)[len(keyspace.SEEN) :]
        messages = self._to_all(decision.spread) if decision.spread else ()
        if keys.changed:
            messages = [*messages, *self._keys_changed()]
        return Verdict(decision.outcome, decision.facts, decision.calls, silent, messages)

    def _keys_changed(self) -> list[tuple[Role, Message]]:
        """Keys that were made or destroyed, for recado.keys."""
        changed = [(Role.KEYS, Message(name.encode(), written(key))) for name, key in self._keys.changed.items()]
        self._keys.begin()
        return changed

    def _to_all(self, events: Sequence[Input]) -> list[tuple[Role, Message]]:
        """A copy for every partition, this one too: none knows which contacts of the others have a number."""
        written = [(event.subject.encode(), encode_input(event)) for event in events]
        everywhere = range(self._partitions)
        return [(Role.NUMBERS, Message(key, value, (), at)) for key, value in written for at in everywhere]

    def _check_partition(self, event: Input, view: StateView) -> None:
        # A contact that this partition knows is its own: only the first record of a contact needs the hash.
        if view.get(keyspace.contact_key(event.subject)) is None:
            home = partition_of(event.subject.encode(), self._partitions)
            if home != self._partition:
                raise Misplaced(home)

    def conceal(self, letter: DeadLetter, view: StateView) -> DeadLetter:
        """Whom it concerns is what its subject says, or else its key; for a contact without a key, it is for nobody."""
        sealed = self._directory.sealed
        if not sealed:
            return letter
        subject = dead_letter.subject_of(letter)
        account, _, contact = subject.partition("/")
        if account not in sealed and self._directory.account(account) is not None:
            return letter
        try:
            cipher = self._keys.find(view, subject) if contact and account in sealed else None
            return self._keys.bury(letter) if cipher is None else dead_letter.concealed(letter, cipher, subject)
        except WrongSecret as wrong:
            raise MachineryFault(str(wrong)) from wrong

    def prepare(self, view: StateView) -> None:
        self._allowance.prepare(view)

    def due(self, view: StateView, now: int, limit: int, class_: Class, until: int) -> Sequence[Verdict]:
        self._keys.begin()
        try:
            decisions = waiting.due(
                view,
                self._directory,
                now,
                self._partition,
                self._mac_key,
                limit,
                self._links,
                self._gate,
                self._keys,
                class_,
                self._allowance,
                until,
            )
        except WrongSecret as wrong:
            raise MachineryFault(str(wrong)) from wrong
        verdicts = [
            Verdict(decision.outcome, decision.facts, decision.calls, messages=self._to_all(decision.spread))
            for decision in decisions
        ]
        if self._keys.changed:
            verdicts.append(Verdict("unchanged", messages=self._keys_changed()))
        return verdicts

    def cancelled(self) -> int:
        return self._directory.cancelled

    def timers(self, view: StateView, after: bytes, limit: int) -> tuple[Sequence[bytes], bytes]:
        return waiting.walk(view, after, limit)

    def recall(self, view: StateView, timer: bytes, now: int) -> Verdict | None:
        self._keys.begin()
        try:
            facts = waiting.recall(view, self._directory, now, timer, self._keys)
        except WrongSecret as wrong:
            raise MachineryFault(str(wrong)) from wrong
        return Verdict("applied", facts) if facts else None

    def drop(self, view: StateView, class_: Class) -> Record:
        return TimerRecord(*waiting.drop(view, class_))

    def next_due(self, view: StateView) -> int | None:
        return waiting.next_due(view)

    def open_attempts(self, view: StateView) -> Sequence[bytes]:
        return [key for key, _ in view.scan(keyspace.OPEN, 1_000_000)]

    def abandon(self, view: StateView, open_key: bytes, now: int) -> Verdict:
        decision = roster.abandon(view, open_key[len(keyspace.OPEN) :].decode(), now)
        return Verdict(decision.outcome, decision.facts, decision.calls)

    def sweep(self, view: StateView, now: int, after: bytes, limit: int) -> bytes:
        return roster.sweep(view, now, after, limit)

    def fold(self, fact: Fact, view: StateView, at: int) -> None:
        journal.apply(view, fact, at, self._keys)

    def fold_silent(self, ids: bytes, view: StateView, at: int) -> None:
        day = keyspace.forgotten_after(at)
        for start in range(0, len(ids), 16):
            view.put(keyspace.SEEN + ids[start : start + 16], day)

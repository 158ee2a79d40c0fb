"""One turn of the deciders: what a decision is made with, and what becomes of its facts. Pure, like the deciders."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from events import privacy
from events.contact import ContactErased
from events.envelope import Input
from events.fact import Fact, FactData
from events.topics import FORGOTTEN_MS
from projections import contact, journal, keyspace, recent, send
from projections.account import Directory
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import View
from projections.send import Call
from streams.deciders.request import Place

__all__ = ["AGAIN", "AGAIN_AFTER", "REPEATED", "UNCHANGED", "Cause", "Decision", "Turn"]

AGAIN: Final = "-"  # begins no send's hash
AGAIN_AFTER: Final = FORGOTTEN_MS + 60_000  # ms


class Decision(NamedTuple):
    """What one input came to. `calls` are permitted once the facts are durable, and not before; `spread` goes to every
    partition, in the transaction of the facts."""

    outcome: Literal["applied", "unchanged", "repeated"]
    facts: Sequence[Fact]
    calls: Sequence[Call]
    spread: Sequence[Input] = ()


REPEATED: Final = Decision("repeated", (), ())
UNCHANGED: Final = Decision("unchanged", (), ())


class Cause(NamedTuple):
    """The event that led to facts."""

    id: str
    source: str


class Turn(NamedTuple):
    """The state, the settings, the engine's clock (ms), the partition with the key of its client ids, whether the
    record was found in another partition, and the contacts' keys. A decision sees what is sealed opened."""

    view: View
    accounts: Directory
    now: int
    place: Place
    moved: bool = False
    keys: Keyring = NO_KEYS

    def contact(self, subject: str) -> contact.State:
        state: contact.State | None = self.view.get(keyspace.contact_key(subject))
        if state is None:
            return contact.initial
        if self.accounts.unsealing and subject.partition("/")[0] in self.accounts.unsealing:
            return self.keys.contact(self.view, subject, state)
        return state

    def seals(self, subject: str) -> bool:
        """Are personal values of this contact written sealed?"""
        sealed = self.accounts.sealed
        return bool(sealed) and subject.partition("/")[0] in sealed

    def send(self, hashed: str) -> send.State:
        state: send.State | None = self.view.get(keyspace.send_key(hashed))
        return send.initial if state is None else state

    def lately(self, subject: str) -> recent.Recent:
        """What the contact was sent of late."""
        known: recent.Recent | None = self.view.get(keyspace.recent_key(subject))
        return recent.initial if known is None else known

    def keep(self, subject: str, decided: Sequence[FactData], time: int, cause: Cause) -> list[Fact]:
        """Number the facts, each after the contact's last, and fold them; before that, seal what is to be sealed."""
        if not decided:
            return []
        view, keys = self.view, self.keys
        if self.seals(subject) and any(map(privacy.has_personal, decided)):
            cipher = keys.make(view, subject)
            decided = [privacy.sealed(data, cipher, subject) for data in decided]
        key = keyspace.contact_key(subject)
        owner: contact.State = view.get(key) or contact.initial
        facts: list[Fact] = []
        for data in decided:
            fact = Fact(subject, owner.sequence + 1, time, cause.id, cause.source, data)
            owner = journal.evolve(view, owner, fact, keys)
            facts.append(fact)
        view.put(key, owner)
        if type(decided[-1]) is ContactErased:
            self.destroy(subject)
        return facts

    def destroy(self, subject: str) -> None:
        """Destroy the contact's key, if it has one, and see to it that the brokers' files forget it: Kafka does not
        compact what it still writes to, so it is told again when it has begun a new file, however little happens."""
        if self.keys.destroy(self.view, subject):
            self.view.put(keyspace.timer_key(self.now + AGAIN_AFTER, AGAIN + subject, "transactional"), 1)

"""One turn of the deciders: what a decision is made with, and what becomes of its facts. Pure, like the deciders."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from events.envelope import Input
from events.fact import Fact, FactData
from projections import contact, keyspace, send
from projections.account import Directory
from projections.keyspace import View
from projections.send import Call
from streams.deciders.dispatch import Place

__all__ = ["REPEATED", "UNCHANGED", "Cause", "Decision", "Turn"]


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
    """The state, the settings, the engine's clock (ms), the partition with the key of its client ids, and whether the
    record was found in another partition."""

    view: View
    accounts: Directory
    now: int
    place: Place
    moved: bool = False

    def contact(self, subject: str) -> contact.State:
        state: contact.State | None = self.view.get(keyspace.contact_key(subject))
        return contact.initial if state is None else state

    def send(self, hashed: str) -> send.State:
        state: send.State | None = self.view.get(keyspace.send_key(hashed))
        return send.initial if state is None else state

    def keep(self, subject: str, decided: Sequence[FactData], time: int, cause: Cause) -> list[Fact]:
        """Number the facts, each after the contact's last, and fold them."""
        if not decided:
            return []
        view = self.view
        key = keyspace.contact_key(subject)
        owner: contact.State = view.get(key) or contact.initial
        facts: list[Fact] = []
        for data in decided:
            fact = Fact(subject, owner.sequence + 1, time, cause.id, cause.source, data)
            owner = keyspace.evolve(view, owner, fact)
            facts.append(fact)
        view.put(key, owner)
        return facts

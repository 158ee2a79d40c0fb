"""The rows of `contacts`: the engine's own fold, `projections.contact.evolve`, batch by batch."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, select

from connectors.readmodel import bulk, schema
from events.contact import ContactErased, FieldsChanged, PhoneChanged, PhoneStatusChanged, SubscriptionChanged
from events.fact import Fact
from projections import contact, keyspace, phone

_CHANGES: Final = (PhoneChanged, PhoneStatusChanged, SubscriptionChanged, FieldsChanged, ContactErased)
_KEPT: Final = ("subject", "account", "contact", "first_at")


class Folded(NamedTuple):
    """The engine's state of a contact, and what only the read model keeps: times in ms, of the first fact and of the
    last one that changed the contact itself (and not only tells of a send), and the number's region and type."""

    state: contact.State
    sequence: int
    first_at: int
    updated_at: int
    phone_region: str | None = None
    phone_type: str | None = None


class SequenceGap(Exception):
    """A contact's fact does not follow the one before it."""

    def __init__(self, fact: Fact, before: int) -> None:
        super().__init__(f"fact {fact.sequence} of a contact follows fact {before}")
        self.before = before


def fold(before: Folded | None, fact: Fact) -> Folded:
    """One fact more. Raises SequenceGap."""
    if before is None:
        before = Folded(contact.initial, 0, fact.time, fact.time)
    if fact.sequence != before.sequence + 1:
        raise SequenceGap(fact, before.sequence)
    updated_at = fact.time if isinstance(fact.data, _CHANGES) else before.updated_at
    state = contact.evolve(before.state, fact)
    region, type_ = before.phone_region, before.phone_type
    if state.phone != before.state.phone:
        described = phone.describe(state.phone) if state.phone else None
        region, type_ = (described.region, described.type) if described else (None, None)
    return Folded(state, fact.sequence, before.first_at, updated_at, region, type_)


def load(connection: Connection, subjects: Iterable[str]) -> dict[str, Folded]:
    table = schema.contacts
    columns = (table.c.subject, table.c.state, table.c.sequence, table.c.first_at, table.c.updated_at,
               table.c.phone_region, table.c.phone_type)  # fmt: skip
    found = {}
    for some in bulk.portions(subjects):
        for subject, state, *kept in connection.execute(select(*columns).where(table.c.subject.in_(some))):
            found[subject] = Folded(decode(subject, state), *kept)
    return found


def store(connection: Connection, folded: Iterable[tuple[str, Folded]]) -> None:
    changed = [name for name in schema.contacts.c.keys() if name not in _KEPT]  # noqa: SIM118 - not a dict
    statement = bulk.upsert(connection, schema.contacts, ["subject"], changed)
    connection.execute(statement, [_row(subject, one) for subject, one in folded])


def decode(subject: str, state: str) -> contact.State:
    """The column `state` as the engine's State."""
    decoded: contact.State = keyspace.decode(keyspace.contact_key(subject), state.encode())
    return decoded


def history(facts: Sequence[Fact]) -> Folded:
    """The fold of some of a contact's facts, in their order: those up to a time, whose own times need not follow the
    order in which they were recorded. Raises ValueError where there is none."""
    folded = None
    for fact in facts:
        before = folded or Folded(contact.initial, 0, fact.time, fact.time)
        folded = fold(before._replace(sequence=fact.sequence - 1), fact)
    if folded is None:
        raise ValueError("a past state is the fold of one fact at least")
    return folded


def _row(subject: str, folded: Folded) -> dict[str, Any]:
    account, _, name = subject.partition("/")
    state = folded.state
    return {
        "subject": subject,
        "account": account,
        "contact": name,
        "phone": state.phone,
        "phone_region": folded.phone_region,
        "phone_type": folded.phone_type,
        "phone_status": state.phone_status,
        "subscription": state.subscription,
        "fields": orjson.dumps(dict(state.fields)).decode(),
        "erased": state.erased,
        "sequence": folded.sequence,
        "first_at": folded.first_at,
        "updated_at": folded.updated_at,
        "state": keyspace.encode(keyspace.contact_key(subject), state).decode(),
    }

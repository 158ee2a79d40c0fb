"""Writes the journal into the read model: rows and offsets in one transaction of the database.

A slice seen again changes nothing, so a crash at any point neither loses nor doubles a row. Contacts are folded by the
engine's own `evolve`, sends by message.fold; batch boundaries make no difference to the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from connectors.readmodel import bulk, contacts, links, message, messages, schema
from connectors.readmodel.erasure import redacted
from events.codec import decode_fact, encode_fact
from events.contact import ContactErased
from events.envelope import Undecodable
from events.fact import Fact


class JournalUnusable(Exception):
    """What was read is not what can be written: a gap, or a fact that cannot be read. The writer must stop; no row was
    written. The message says where and what to do, and holds nothing of the contact."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of one partition of the journal: all that a read_committed reader sees in offsets `start` to `next_offset`
    less one. Transaction markers and aborted records leave holes, so the bounds are positions, not record offsets."""

    topic: str
    partition: int
    start: int
    next_offset: int
    records: Sequence[tuple[int, bytes]]  # offset, value


class _Read(NamedTuple):
    fact: Fact
    partition: int
    offset: int
    body: str


def write(connection: Connection, slices: Sequence[Slice]) -> list[Fact]:
    """Write what is new in these slices, at most one a partition, and move their offsets, in the caller's transaction
    (database.writing).

    Returns the facts written: those of slices seen before are left out. Blocks. Raises JournalUnusable if a slice
    starts behind the stored offset, a contact's sequence has a gap, or a fact cannot be read: roll back and stop.
    """
    stored = _claim(connection, slices)
    read = [one for part in slices for one in _decode(part, stored[part.topic, part.partition])]
    facts = [one.fact for one in read]
    if read:
        _write_contacts(connection, read)
        messages.write(connection, facts)
        links.write(connection, facts)
        connection.execute(insert(schema.facts), [_row(one) for one in read])
        _redact(connection, facts)
    _move(connection, slices, stored)
    return facts


def _claim(connection: Connection, slices: Sequence[Slice]) -> dict[tuple[str, int], int]:
    """The stored offsets, their rows made where missing, locked against another writer until the transaction ends."""
    table = schema.offsets
    # Setting a row to what it is locks it, and returns it whether it was there or not.
    statement = bulk.upsert(connection, table, ["topic", "partition"], {"next_offset": table.c.next_offset})
    statement = statement.returning(table.c.next_offset)
    stored = {}
    for part in sorted(slices, key=lambda part: (part.topic, part.partition)):
        values = {"topic": part.topic, "partition": part.partition, "next_offset": 0}
        position: int = connection.execute(statement, values).scalar_one()
        if part.start > position:
            raise JournalUnusable(
                f"{part.topic}[{part.partition}] was read from offset {part.start}, the read model stands at "
                f"{position}: what lies between would be lost. Start the read model's writer again."
            )
        stored[part.topic, part.partition] = position
    return stored


def _move(connection: Connection, slices: Sequence[Slice], stored: dict[tuple[str, int], int]) -> None:
    table = schema.offsets
    moved = [
        {"b_topic": part.topic, "b_partition": part.partition, "b_next": part.next_offset}
        for part in slices
        if part.next_offset > stored[part.topic, part.partition]
    ]
    if moved:
        statement = update(table).values(next_offset=bindparam("b_next"))
        key = (table.c.topic == bindparam("b_topic"), table.c.partition == bindparam("b_partition"))
        connection.execute(statement.where(*key), moved)


def _decode(part: Slice, position: int) -> Iterator[_Read]:
    for offset, value in part.records:
        if offset < position:
            continue
        try:
            yield _Read(decode_fact(value), part.partition, offset, value.decode())
        except Undecodable as error:
            raise JournalUnusable(
                f"{part.topic}[{part.partition}] offset {offset} is no fact that this version can read "
                f"({error.reason}). Run the read model's writer in the version of the workers, or a newer one."
            ) from error


def _write_contacts(connection: Connection, read: Sequence[_Read]) -> None:
    folded = contacts.load(connection, {one.fact.subject for one in read})
    for one in read:
        subject = one.fact.subject
        try:
            folded[subject] = contacts.fold(folded.get(subject), one.fact)
        except contacts.SequenceGap as gap:
            raise JournalUnusable(
                f"The journal's partition {one.partition}, offset {one.offset}: {gap}. The read model was written from "
                "another journal, or a part of this one is gone: run `recado rebuild`."
            ) from gap
    contacts.store(connection, folded.items())


def _redact(connection: Connection, facts: Sequence[Fact]) -> None:
    """An erasure takes the personal values out of all facts of the contact before it: an analyst finds none either."""
    table = schema.facts
    for erasure in facts:
        if not isinstance(erasure.data, ContactErased):
            continue
        earlier = (table.c.subject == erasure.subject, table.c.sequence < erasure.sequence)
        blanked = [
            {"b_sequence": sequence, "b_body": encode_fact(redacted(decode_fact(body.encode()))).decode()}
            for sequence, body in connection.execute(select(table.c.sequence, table.c.body).where(*earlier)).all()
        ]
        if blanked:
            statement = update(table).values(body=bindparam("b_body"))
            key = (table.c.subject == erasure.subject, table.c.sequence == bindparam("b_sequence"))
            connection.execute(statement.where(*key), blanked)


def _row(one: _Read) -> dict[str, Any]:
    fact = one.fact
    return {
        "subject": fact.subject,
        "sequence": fact.sequence,
        "type": fact.type,
        "time": fact.time,
        "send_id": message.send_id_of(fact),
        "partition": one.partition,
        "offset": one.offset,
        "body": one.body,
    }

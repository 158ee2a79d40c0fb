"""The rows of `messages` and `message_labels`: message.fold, batch by batch."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_, update

from connectors.readmodel import bulk, message, schema
from connectors.readmodel.message import Row
from events.contact import ContactErased
from events.fact import Fact

Key = tuple[str, str]
"""Subject and send_id."""

_KEY: Final = ("subject", "send_id")


def write(connection: Connection, facts: Sequence[Fact]) -> None:
    """Fold these facts into the rows of their sends, in the caller's transaction."""
    stored = load(connection, {(fact.subject, send_id) for fact in facts if (send_id := message.send_id_of(fact))})
    rows: dict[Key, Row | None] = dict(stored)
    erased: set[str] = set()
    for fact in facts:
        if isinstance(fact.data, ContactErased):
            erased.add(fact.subject)
            rows |= {key: message.erased(row) for key, row in rows.items() if row and key[0] == fact.subject}
        elif send_id := message.send_id_of(fact):
            rows[fact.subject, send_id] = message.fold(rows.get((fact.subject, send_id)), fact)
    if erased:  # those of its messages that this batch does not touch otherwise
        statement = update(schema.messages).values(dict.fromkeys(message.PERSONAL))
        statement = statement.where(schema.messages.c.subject == bindparam("b_subject"))
        connection.execute(statement, [{"b_subject": subject} for subject in erased])
    changed = [row for key, row in rows.items() if row is not None and row is not stored.get(key)]
    if changed:
        columns = [name for name in schema.messages.c.keys() if name not in _KEY]  # noqa: SIM118 - not a dict
        statement = bulk.upsert(connection, schema.messages, _KEY, columns)
        connection.execute(statement, [message.storable(row) for row in changed])
        _write_labels(connection, changed, stored)


def load(connection: Connection, keys: Iterable[Key]) -> dict[Key, Row]:
    table = schema.messages
    found = {}
    for some in bulk.portions(keys):
        for row in read(connection.execute(select(table).where(tuple_(table.c.subject, table.c.send_id).in_(some)))):
            found[row["subject"], row["send_id"]] = row
    return found


def read(selected: Iterable[Any]) -> list[Row]:
    """The result of a `select(schema.messages)` as rows."""
    names = schema.messages.c.keys()
    return [dict(zip(names, values, strict=True)) for values in selected]


def _write_labels(connection: Connection, changed: Sequence[Row], stored: dict[Key, Row]) -> None:
    table = schema.message_labels
    gone, new = [], []
    for row in changed:
        subject, send_id = row["subject"], row["send_id"]
        before = stored.get((subject, send_id))
        if before is not None and before["labels"] == row["labels"]:
            continue
        if before is not None:
            gone.append({"b_subject": subject, "b_send_id": send_id})
        labels = dict.fromkeys(message.labels_of(row))
        new += [{"subject": subject, "send_id": send_id, "label": bulk.storable(label)} for label in labels]
    if gone:
        key = (table.c.subject == bindparam("b_subject"), table.c.send_id == bindparam("b_send_id"))
        connection.execute(delete(table).where(*key), gone)
    if new:
        connection.execute(insert(table), new)

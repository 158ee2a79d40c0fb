"""The rows of `links`: what each short link stands for, until its contact is erased."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, select

from connectors.readmodel import bulk, schema
from events.contact import ContactErased
from events.fact import Fact
from events.send import SendAttempted


class Link(NamedTuple):
    """`subject` is account/contact; `url` is sealed where the account's privacy is, for keys.Unsealer.url to open."""

    subject: str
    send_id: str
    url: str


def write(connection: Connection, facts: Sequence[Fact]) -> None:
    """The links of these facts, in the caller's transaction; an erased contact's go."""
    rows: dict[str, dict[str, str]] = {}
    erased = []
    for fact in facts:
        data = fact.data
        if isinstance(data, SendAttempted) and data.links:
            send_id = bulk.storable(data.send_id)
            for code, url in data.links.items():
                rows[code] = {"code": code, "subject": fact.subject, "send_id": send_id, "url": str(url)}
        elif isinstance(data, ContactErased):
            erased.append({"b_subject": fact.subject})
            rows = {code: row for code, row in rows.items() if row["subject"] != fact.subject}
    if erased:
        connection.execute(delete(schema.links).where(schema.links.c.subject == bindparam("b_subject")), erased)
    if rows:
        connection.execute(bulk.upsert(connection, schema.links, ["code"], ["url"]), list(rows.values()))


def find(engine: Engine, code: str) -> Link | None:
    """What a code stands for; None for one that is not known. Blocks."""
    table = schema.links
    query = select(table.c.subject, table.c.send_id, table.c.url).where(table.c.code == code)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Link(*row)

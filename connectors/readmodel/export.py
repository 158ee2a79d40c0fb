"""Everything that is known of one contact, for a data subject's request, and its consent ledger."""

from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, Engine, select

from connectors.readmodel import answers, message, queries, schema
from connectors.readmodel import messages as message_rows
from events.codec import decode_fact, encode_fact
from events.contact import Subscription
from events.fact import Fact

_SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ"}


class Export(NamedTuple):
    """The contact as it is now, its sends, newest first, and its facts, in their order: all of one moment."""

    contact: queries.ContactAnswer
    messages: list[message.Row]
    facts: list[Fact]


def export(engine: Engine, subject: str) -> Export | None:
    """All of a contact; None for one that has no fact. Blocks. What an erasure took is in no part of it."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # SQLite's readers have a snapshot in any case
            connection.execution_options(**_SNAPSHOT)
        with connection.begin():
            known = queries.present(connection, subject)
            return known and Export(known, _messages(connection, subject), _facts(connection, subject))


def _messages(connection: Connection, subject: str) -> list[message.Row]:
    table = schema.messages
    query = select(table).where(table.c.subject == subject).order_by(table.c.first_sequence.desc())
    return message_rows.read(connection.execute(query))


def _facts(connection: Connection, subject: str) -> list[Fact]:
    table = schema.facts
    query = select(table.c.body).where(table.c.subject == subject).order_by(table.c.sequence)
    return [decode_fact(body.encode()) for body in connection.execute(query).scalars()]


def as_json(found: Export, default_subscription: Subscription = "none") -> dict[str, Any]:
    """The export as JSON: `profile`, `consent`, `messages` and `facts`, each fact as it stands in the journal."""
    return {
        "account": found.contact.subject.partition("/")[0],
        "contact": found.contact.subject.partition("/")[2],
        "profile": answers.contact(found.contact, default_subscription),
        "consent": consent(found.facts),
        "messages": [answers.message(row) for row in found.messages],
        "facts": [orjson.loads(encode_fact(fact)) for fact in found.facts],
    }


def consent(facts: list[Fact]) -> list[dict[str, Any]]:
    """The ledger: every change of the subscription, the oldest first."""
    return [told for fact in facts if (told := answers.consent(fact)) is not None]

"""The whole histories of many contacts, for those who fold them as the engine does."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Engine, func, select

from connectors.readmodel import bulk, schema
from events.codec import decode_fact
from events.fact import Fact

_AT_ONCE = 1_000  # rows held


def histories(engine: Engine, subjects: Iterable[str]) -> Iterator[Fact]:
    """Every fact of these contacts, each contact's in their order. Blocks; a long history is never held whole."""
    facts = schema.facts
    with engine.connect().execution_options(yield_per=_AT_ONCE) as connection:
        for some in bulk.portions(subjects):
            query = select(facts.c.body).where(facts.c.subject.in_(some)).order_by(facts.c.subject, facts.c.sequence)
            for body in connection.execute(query).scalars():
                yield decode_fact(body.encode())


def attempted(engine: Engine, account: str, since: int, until: int) -> int:
    """How many sends of an account were attempted, the last time, in that time (ms, `until` exclusive): on a day
    that is not over, the sends that it counts."""
    table = schema.messages
    wanted = (table.c.account == account, table.c.attempted_at >= since, table.c.attempted_at < until)
    with engine.connect() as connection:
        count: int = connection.execute(select(func.count()).select_from(table).where(*wanted)).scalar_one()
    return count


def positions(engine: Engine, topic: str) -> dict[int, int]:
    """How far each partition of the journal was read: the next offset."""
    offsets = schema.offsets
    query = select(offsets.c.partition, offsets.c.next_offset).where(offsets.c.topic == topic)
    with engine.connect() as connection:
        return {row.partition: row.next_offset for row in connection.execute(query)}

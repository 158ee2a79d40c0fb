"""Journals to write into a read model, and all that came of it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import Engine, select

from connectors.readmodel import database, schema
from connectors.readmodel.writer import Slice, write
from events.codec import encode_fact
from events.fact import Fact, FactData

TOPIC = "recado.journal"
NOON = 1_795_435_200_000  # 2026-11-23T12:00:00Z


class Journal:
    """One partition of a journal: contacts' facts numbered, one a second, with holes where transaction markers lie."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.facts: list[Fact] = []
        self.records: list[tuple[int, bytes]] = []
        self.next_offset = 0
        self._sequences: dict[str, int] = {}

    def add(self, subject: str, *data: FactData, at: int | None = None, same_cause: bool = False) -> None:
        """`same_cause`: what led to the fact before led to these."""
        for one in data:
            self._sequences[subject] = self._sequences.get(subject, 0) + 1
            time = NOON + len(self.facts) * 1000 if at is None else at
            cause = self.facts[-1].causation_id if same_cause else f"cause-{len(self.facts)}"
            fact = Fact(subject, self._sequences[subject], time, cause, "/test", one)
            self.facts.append(fact)
            self.records.append((self.next_offset, encode_fact(fact)))
            self.next_offset += 1

    def marker(self) -> None:
        self.next_offset += 1

    def slices(self, bounds: Sequence[int] = ()) -> list[Slice]:
        """The whole journal cut at these offsets."""
        cuts = sorted({0, self.next_offset, *(min(bound, self.next_offset) for bound in bounds)})
        return [
            Slice(TOPIC, self.partition, start, end, [record for record in self.records if start <= record[0] < end])
            for start, end in pairwise(cuts)
        ]


def write_all(engine: Engine, slices: Sequence[Slice]) -> list[Fact]:
    """A transaction for each slice."""
    facts = []
    for part in slices:
        with database.writing(engine) as connection:
            facts += write(connection, [part])
    return facts


def rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the read model."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
        }

"""Sums of an account's sends, by what they have in common: what `GET .../statistics` answers.

A send counts in the time it was asked for. There is no open rate, because SMS has no receipt for it (instasent.md,
section 8). Alerts to fixed numbers count: they cost as much.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Engine, Integer, String, and_, case, cast, func, literal, select

from connectors.readmodel import schema

GROUPS: Final = ("class", "template", "label", "sender", "outcome", "reason", "state", "encoding", "day")
"""What sends may be grouped by; `day` is that of UTC; of several labels a send counts once under each."""

OUTCOMES: Final = ("deferred", "skipped", "attempted", "accepted", "refused", "unknown", "given_up")
STATES: Final = ("delivered", "failed", "expired", "canceled")
_DAY: Final = 86_400_000


class Asked(NamedTuple):
    """`since` inclusive, `until` exclusive, ms; None for no bound. `groups`: names of GROUPS, each once."""

    account: str
    since: int | None = None
    until: int | None = None
    groups: Sequence[str] = ()


class Sums(NamedTuple):
    """One group: its values in the order of the names, and what its sends come to."""

    values: tuple[str | None, ...]
    sends: int
    outcomes: dict[str, int]
    states: dict[str, int]
    parts: int  # of what was handed to the provider
    clicks: int


def statistics(engine: Engine, asked: Asked) -> list[Sums]:
    """A row for each group that has a send, in the groups' order; without groups one row of all. Blocks."""
    table = schema.messages
    columns = [_column(name).label(f"g{at}") for at, name in enumerate(asked.groups)]
    counted = [
        func.count().label("sends"),
        *(_count(table.c.outcome == outcome).label(outcome) for outcome in OUTCOMES),
        *(_count(table.c.state == state).label(state) for state in STATES),
        func.coalesce(func.sum(case((table.c.attempt > 0, table.c.parts), else_=0)), 0).label("parts"),
        func.coalesce(func.sum(table.c.clicks), 0).label("clicks"),
    ]
    wanted = [table.c.account == asked.account]
    if asked.since is not None:
        wanted.append(table.c.requested_at >= asked.since)
    if asked.until is not None:
        wanted.append(table.c.requested_at < asked.until)
    source: Any = table
    if "label" in asked.groups:
        labels = schema.message_labels
        source = table.outerjoin(labels, and_(labels.c.subject == table.c.subject, labels.c.send_id == table.c.send_id))
    query = select(*columns, *counted).select_from(source).where(*wanted)
    if columns:
        query = query.group_by(*columns)
    with engine.connect() as connection:
        found = [_sums(row._mapping, len(columns)) for row in connection.execute(query)]
    return sorted(found, key=lambda one: tuple((value is not None, value or "") for value in one.values))


def _column(name: str) -> ColumnElement[Any]:
    table = schema.messages
    if name == "label":
        return schema.message_labels.c.label
    if name == "day":  # as the number of days: the same in both databases
        return cast(table.c.requested_at - table.c.requested_at % literal(_DAY), String)
    return table.c["class_" if name == "class" else name]


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0).cast(Integer)


def _sums(row: Any, groups: int) -> Sums:
    return Sums(
        tuple(row[f"g{at}"] for at in range(groups)),
        row["sends"],
        {outcome: row[outcome] for outcome in OUTCOMES},
        {state: row[state] for state in STATES},
        int(row["parts"]),
        int(row["clicks"]),
    )

"""Events by line: JSON Lines of CloudEvents, each judged as the engine would judge it, its bytes kept as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from connectors.admission import Sealer, Standards, admit
from connectors.files.lines import lines
from events.envelope import LIMIT, Undecodable
from events.shape import Class
from events.topics import Role


@dataclass(frozen=True, slots=True)
class Event:
    """A line that may be published: its topic, its subject (the key), its own bytes. `size` counts the line's end."""

    line: int
    size: int
    role: Role
    subject: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that may not: its number from 1, one of the reasons of a dead letter, and the field and rule in words."""

    line: int
    size: int
    reason: str
    detail: str


def read(
    stream: BinaryIO, class_: Class | None, sealer: Sealer | None = None, standards: Standards | None = None
) -> Iterator[Event | Problem]:
    """Judge every line, in order, in constant memory. `class_`, `sealer` and `standards` are as `admit` takes them."""
    for number, value, size in lines(stream, LIMIT):
        if value is None:
            yield Problem(
                number, size, "too_large", f"more than {LIMIT:,} bytes, and an event may have {LIMIT // 1024} KiB"
            )
            continue
        if not value.strip():
            yield Problem(number, size, "not_json", "the line is empty: one event a line")
            continue
        try:
            role, event, admitted = admit(value, class_, sealer, standards)
        except Undecodable as error:
            yield Problem(number, size, error.reason, error.detail)
            continue
        yield Event(number, size, role, event.subject, admitted)

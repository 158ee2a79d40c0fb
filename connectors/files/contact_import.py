"""One import of contacts: a file's rows as contact updates, a chunk at a time, and what was refused.

The id of an event derives from the file's content, the row and the contact. So the same file again, whole or from where
a crash cut it off, makes the same events, which change nothing; and another file may say again what an older one said.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import IO, Protocol

import orjson

from connectors.files.contacts import Refusal, Row, phone_rule, read
from connectors.files.spreadsheet import Survey, survey
from events import instant
from events.contact import ContactUpdated

CHUNK = 2_000  # rows
SOURCE = "/recado/import"
_EVIDENCE_CHARACTERS = 900
_FORMULA = ("=", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of the file: subjects and events, in order; the refused ones; how far the file was read, bytes."""

    events: list[tuple[str, bytes]]
    refusals: list[Refusal]
    read: int


class ContactImport:
    """Rows in, chunks out; what became of the rows can be asked of it at any time. Reads no clock, writes nothing."""

    def __init__(
        self, stream: IO[bytes], account: str, country: str | None, named: str, key: str | None, now: int,
        whole: Survey | None = None,
    ) -> None:  # fmt: skip
        """`stream` is seekable; `named` is the file's name, which is the evidence of what it says; `now` in ms since
        the epoch. Reads the file through once. Raises Unreadable."""
        self.whole = whole or survey(stream)
        self.columns, self._rows = read(stream, phone_rule(country), key, self.whole)
        self.imported = self.refused = 0
        self._stream, self._account, self._time = stream, account, instant.render(now)
        self._named = named[:_EVIDENCE_CHARACTERS].encode("utf-8", "replace").decode().replace("\x00", "")

    @property
    def rows(self) -> int:
        return self.imported + self.refused

    def chunks(self, done: int = 0, size: int = CHUNK) -> Iterator[Chunk]:
        """Every row, once. The first `done` good rows make no event: they are durable from an earlier run."""
        events: list[tuple[str, bytes]] = []
        refusals: list[Refusal] = []
        for row in self._rows:
            if isinstance(row, Refusal):
                self.refused += 1
                refusals.append(row)
            else:
                self.imported += 1
                if self.imported > done:
                    events.append(self._event(row))
            if self.rows % size == 0:
                yield Chunk(events, refusals, self._stream.tell())
                events, refusals = [], []
        yield Chunk(events, refusals, self.whole.size)

    def _event(self, row: Row) -> tuple[str, bytes]:
        """The event, as `codec.encode_input` would write it, without judging again what the row's rules have judged."""
        subject = f"{self._account}/{row.contact}"
        name = blake2b(self.whole.digest + row.digest + subject.encode(), digest_size=16).hexdigest()
        evidence = f"{self._named}, line {row.line}"
        return subject, orjson.dumps(
            {
                "specversion": "1.0",
                "id": name,
                "source": SOURCE,
                "type": ContactUpdated.TYPE,
                "subject": subject,
                "time": self._time,
                "data": {"via": "import", "fields": row.fields, "evidence": evidence},
            }
        )


class _Writable(Protocol):
    def write(self, text: str, /) -> object: ...


class Report:
    """The refused rows as CSV, for whoever brought the file: their own values, made harmless for spreadsheets."""

    def __init__(self, stream: _Writable) -> None:
        self._writer = csv.writer(stream)
        self._writer.writerow(("line", "column", "value", "reason"))

    def add(self, refusals: list[Refusal]) -> None:
        self._writer.writerows((r.line, _harmless(r.column), _harmless(_value(r)), r.reason) for r in refusals)


def _value(refusal: Refusal) -> str:
    return (refusal.written or refusal.value)[:1024].encode("utf-8", "replace").decode()


def _harmless(text: str) -> str:
    """No formula: what begins like one, and is no number such as +34 600, gets an apostrophe."""
    formula = text.startswith(_FORMULA) or (text[:1] in ("+", "-") and any(c.isalpha() or c in "(|!" for c in text))
    return f"'{text}" if formula else text

"""A state that is thrown away, on disk: what a run over any number of contacts needs, in constant memory.

What was touched last lies in memory; `relieve`, called between two portions of the work, moves it into a temporary
SQLite file when it has grown too large.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from projections import keyspace

MOST: Final = 100_000  # keys in memory: some 100 MB
_GONE: Final = object()


class Scratch:
    """A keyspace.View. Use it as a context manager: its end removes the file."""

    def __init__(self) -> None:
        self._near: dict[bytes, Any] = {}  # _GONE: deleted since the last spill
        self._spilt = False
        self._file = sqlite3.connect("", isolation_level=None)  # an unnamed temporary file, gone when closed
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, key: bytes) -> Any:
        found = self._near.get(key)
        if found is None and self._spilt:
            row = self._file.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
            if row is not None:
                found = self._near[key] = keyspace.decode(key, row[0])
        return None if found is _GONE else found

    def peek(self, key: bytes) -> Any:
        return self.get(key)

    def put(self, key: bytes, value: Any) -> None:
        self._near[key] = value

    def delete(self, key: bytes) -> None:
        self._near[key] = _GONE

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, Any]]:
        """See keyspace.View; spills first, as the file alone has an order."""
        self.spill()
        end = prefix + b"\xff" * 256 if before is None else before
        return self._range("key >= ?", prefix, end, limit)

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, Any]]:
        """See keyspace.View; spills first."""
        self.spill()
        return self._range("key > ?", key, prefix + b"\xff" * 256, limit)

    def relieve(self) -> None:
        """Spill if there is much in memory. What was read stays valid."""
        if len(self._near) > MOST:
            self.spill()

    def spill(self) -> None:
        """Move what lies in memory to disk."""
        kept = [(key, keyspace.encode(key, value)) for key, value in self._near.items() if value is not _GONE]
        gone = [(key,) for key, value in self._near.items() if value is _GONE]
        with self._file:
            self._file.execute("BEGIN")
            self._file.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", kept)
            self._file.executemany("DELETE FROM state WHERE key = ?", gone)
        self._near.clear()
        self._spilt = True

    def _range(self, begins: str, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, Any]]:
        found = self._file.execute(
            f"SELECT key, value FROM state WHERE {begins} AND key < ? ORDER BY key LIMIT ?",  # noqa: S608 - ours
            (start, end, limit),
        )
        return [(key, keyspace.decode(key, value)) for key, value in found]

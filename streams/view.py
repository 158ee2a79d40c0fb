"""The state as a batch of decisions sees it: the store, a cache of decoded values, and what this batch changed.

Nothing here reaches the store or the log before the batch is committed, and one record's changes can be taken back
(a decider that raised must leave no half-made change in the commit).
"""

from collections.abc import Callable
from typing import Any

from connectors.ports import Store

Encode = Callable[[bytes, Any], bytes]
Decode = Callable[[bytes, bytes], Any]

_ABSENT = object()
# What is worth its memory once it is read or committed: contacts with their keys, sends, the engine's own. An id of an
# event is asked for again by a repetition only, and timers, markers and numbers seldom: they would push out contacts.
KEPT = frozenset((b"c", b"k", b"s", b"p"))


class StateView:
    """A keyspace.View over a Store. Values are immutable; `cached` of them are kept in their stored form, which takes a
    third of the memory, and the newest sixteenth of that many decoded as well."""

    def __init__(self, store: Store, encode: Encode, decode: Decode, cached: int = 20_000) -> None:
        self._store = store
        self._encode = encode
        self._decode = decode
        self._limits = (cached // 16, cached)
        self._clean: dict[bytes, Any] = {}
        self._stored: dict[bytes, bytes] = {}  # to decode one takes 3 to 6 us, to read it from a large store 20 more
        self._told: dict[bytes, bytes | None] = {}  # what `changes` made of the batch
        self._dirty: dict[bytes, Any] = {}  # a value of None is a deletion
        self._undo: list[tuple[bytes, Any]] = []

    def get(self, key: bytes) -> Any:
        value = self._dirty.get(key, _ABSENT)
        if value is not _ABSENT:
            return value
        value = self._clean.get(key)
        if value is not None:
            return value
        raw = self._stored.get(key)
        if raw is None:
            raw = self._store.get(key)
            if raw is None:
                return None
            if key[:1] in KEPT:
                self._stored[key] = raw
        value = self._clean[key] = self._decode(key, raw)
        return value

    def peek(self, key: bytes) -> Any:
        """As `get`, of what is looked at once: it is not kept."""
        kept, stored = key in self._clean, key in self._stored
        value = self.get(key)
        if not kept:
            self._clean.pop(key, None)
        if not stored:
            self._stored.pop(key, None)
        return value

    def put(self, key: bytes, value: Any) -> None:
        self._undo.append((key, self._dirty.get(key, _ABSENT)))
        self._dirty[key] = value

    def delete(self, key: bytes) -> None:
        self._undo.append((key, self._dirty.get(key, _ABSENT)))
        self._dirty[key] = None

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, Any]]:
        """As View.scan; this batch's own changes are seen."""
        own = {
            key: value
            for key, value in self._dirty.items()
            if key.startswith(prefix) and (before is None or key < before)
        }
        deleted = sum(value is None for value in own.values())
        found: dict[bytes, Any] = {}
        for key, raw in self._store.scan(prefix, limit + deleted, before):
            if key not in own:
                found[key] = self._decode(key, raw)
        found.update((key, value) for key, value in own.items() if value is not None)
        return sorted(found.items())[:limit]

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, Any]]:
        """Committed keys with this prefix behind `key`, in order, with the values that they have now: for slow walks
        such as the sweep of old ids. Keys that this batch deleted are passed over; fewer than `limit` means the end."""
        found: list[tuple[bytes, Any]] = []
        while len(found) < limit and (pairs := self._store.after(key, prefix, limit - len(found))):
            for at, raw in pairs:
                value = self._dirty.get(at, _ABSENT)
                if value is not None:
                    found.append((at, self._decode(at, raw) if value is _ABSENT else value))
            key = pairs[-1][0]
        return found

    def mark(self) -> None:
        """A new record begins: what came before it stays, whatever this record does."""
        self._undo.clear()

    def rollback(self) -> None:
        """Take back what was changed since the last `mark`."""
        for key, before in reversed(self._undo):
            if before is _ABSENT:
                self._dirty.pop(key, None)
            else:
                self._dirty[key] = before
        self._undo.clear()

    @property
    def changed(self) -> int:
        """Keys changed since the last commit."""
        return len(self._dirty)

    def changes(self) -> dict[bytes, bytes | None]:
        """The changed keys in their stored form."""
        encode = self._encode
        self._told = {key: None if value is None else encode(key, value) for key, value in self._dirty.items()}
        return self._told

    def committed(self) -> None:
        """The changes, as `changes` gave them, are in the log and in the store: keep them as read."""
        clean, stored = self._clean, self._stored
        told = self._told if self._told.keys() == self._dirty.keys() else self.changes()
        for key, raw in told.items():
            if raw is None:
                clean.pop(key, None)
                stored.pop(key, None)
            elif key[:1] in KEPT:
                clean[key] = self._dirty[key]
                stored[key] = raw
            elif key in clean:  # what was read before must not be read as it was then
                clean[key] = self._dirty[key]
        self._told = {}
        self._dirty.clear()
        self._undo.clear()
        for kept, limit in zip((clean, stored), self._limits, strict=True):
            if len(kept) > limit:
                for key in list(kept)[: len(kept) - limit // 2]:
                    del kept[key]

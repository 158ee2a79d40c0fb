"""What the simulator has accepted, to the message: the judge of "none lost, none sent twice".

A ledger is changed by one event loop only, each change in one step without awaiting, so its counts are exact however
many requests come at once. With a file, an acceptance is in the operating system's hands before the client is answered:
it survives a SIGKILL of the simulator, and a simulator started on the same file goes on counting from it.
"""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import orjson


class Entry(NamedTuple):
    """One accepted message. `text` is a hash (blake2b, 128 bits, hex), `at` milliseconds since the epoch."""

    client_id: str | None
    to: str
    text: str
    at: int

    def json(self) -> dict[str, Any]:
        return {"clientId": self.client_id, "to": self.to, "text": self.text, "at": self.at}


class Receipt(NamedTuple):
    """One callback that was answered 2xx, at `at` (ms since the epoch): whoever said so must not lose it."""

    provider_id: str | None
    client_id: str | None
    status: str | None
    at: int

    def json(self) -> dict[str, Any]:
        return {"id": self.provider_id, "clientId": self.client_id, "status": self.status, "at": self.at}


def text_hash(text: str) -> str:
    """The hash by which the ledger knows a text: 32 hex digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(slots=True)
class CallbackCounts:
    """`made`: POSTs, repeats included; `taken`: those answered 2xx; `pending`: due, under way or to be repeated."""

    made: int = 0
    taken: int = 0
    lost: int = 0
    given_up: int = 0
    pending: int = 0


@dataclass(slots=True)
class Ledger:
    """Counts and, in order of acceptance, entries. Raises OSError if the file cannot be written: better no judge than a
    wrong one."""

    path: Path | None = None
    entries: list[Entry] = field(default_factory=list)
    client_ids: dict[str, int] = field(default_factory=dict)
    without_client_id: int = 0
    unicode_not_allowed: int = 0  # texts beyond GSM-7 that came with allowUnicode false: Recado never does that
    dropped: int = 0  # connections dropped before accepting
    refusals: Counter[int] = field(default_factory=Counter)  # by HTTP status; a message of a batch counts as 201
    callbacks: CallbackCounts = field(default_factory=CallbackCounts)
    receipts: list[Receipt] = field(default_factory=list)  # since this process began
    _file: int = -1

    def __post_init__(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for entry in read(self.path, mend=True):
            self._count(entry)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def accept(self, client_id: str | None, to: str, text: str, at: int) -> int:
        """Enter one message and return its number, from 1. May block for the time of one small write."""
        entry = Entry(client_id, to, text_hash(text), at)
        if self._file >= 0:
            line = orjson.dumps(entry.json()) + b"\n"
            if os.write(self._file, line) != len(line):
                raise OSError(f"the ledger {self.path} could not be written whole: is its disk full?")
        self._count(entry)
        return len(self.entries)

    def taken(self, fields: Mapping[str, Any], at: int) -> None:
        """Enter a callback with these fields, of either provider, which was answered 2xx."""

        def said(*names: str) -> str | None:
            return next((str(fields[name]) for name in names if fields.get(name) is not None), None)

        self.receipts.append(Receipt(said("id", "MessageSid"), said("clientId"), said("status", "MessageStatus"), at))
        self.callbacks.taken += 1

    def _count(self, entry: Entry) -> None:
        self.entries.append(entry)
        if entry.client_id is None:
            self.without_client_id += 1
        else:
            self.client_ids[entry.client_id] = self.client_ids.get(entry.client_id, 0) + 1

    @property
    def accepted(self) -> int:
        return len(self.entries)

    @property
    def second_sends(self) -> int:
        """Messages beyond the first of their clientId."""
        return len(self.entries) - self.without_client_id - len(self.client_ids)

    def summary(self) -> dict[str, Any]:
        """The counts, as `GET /_sim/ledger` gives them."""
        return {
            "accepted": self.accepted,
            "distinct_client_ids": len(self.client_ids),
            "second_sends": self.second_sends,
            "repeated_client_ids": {} if not self.second_sends else {k: n for k, n in self.client_ids.items() if n > 1},
            "without_client_id": self.without_client_id,
            "unicode_not_allowed": self.unicode_not_allowed,
            "refusals": sum(self.refusals.values()),
            "refusals_by_status": {str(status): count for status, count in sorted(self.refusals.items())},
            "dropped_before_accepting": self.dropped,
            "callbacks_made": self.callbacks.made,
            "callbacks_taken": self.callbacks.taken,
            "callbacks_lost": self.callbacks.lost,
            "callbacks_given_up": self.callbacks.given_up,
            "callbacks_pending": self.callbacks.pending,
        }

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read(path: Path, *, mend: bool = False) -> list[Entry]:
    """The entries of a ledger's file, in order; none if there is no file.

    A last line cut short by a crash is left out, since its message was not accepted; with `mend` it is cut off the file
    too. Raises ValueError for any other bad line."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = content.rfind(b"\n") + 1
    if mend and whole < len(content):
        os.truncate(path, whole)
    entries = []
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            row = orjson.loads(line)
            entries.append(Entry(row["clientId"], row["to"], row["text"], row["at"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} of {path} is no ledger entry: is this another file?") from error
    return entries

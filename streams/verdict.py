"""What a pipeline drives, and what it is told: the pure part of the engine as a port of its own."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from connectors.ports import Message, Record
from events.dead_letter import DeadLetter
from events.fact import Fact
from events.shape import Class
from events.topics import Role
from projections.send import Call
from streams.view import StateView


class Verdict(NamedTuple):
    """What one input came to: `outcome` is a counter's name, `calls` are permitted once the commit is durable, and
    `messages` are written with it, to any partition of an internal topic. (A tuple, as a Fact: one for each input.)"""

    outcome: str
    facts: Sequence[Fact] = ()
    calls: Sequence[Call] = ()
    silent: bytes = b""  # the 16-byte id of an input that left no fact
    messages: Sequence[tuple[Role, Message]] = ()


class Misplaced(Exception):
    """The record's subject belongs to another partition of the same topic."""

    def __init__(self, partition: int) -> None:
        self.partition = partition


class Workflow(Protocol):
    """The pure part that a pipeline drives (streams/roster.py in the product; a fixed fold in a benchmark)."""

    def handle(self, role: Role, record: Record, view: StateView, now: int, moved: bool) -> Verdict:
        """Decide one record. Raises Undecodable for a dead letter and Misplaced for another partition's record."""
        ...

    def conceal(self, letter: DeadLetter, view: StateView) -> DeadLetter:
        """A dead letter as it may be written: sealed, where an account's privacy wants that."""
        ...

    def prepare(self, view: StateView) -> None:
        """A step begins: what was put before is durable."""
        ...

    def due(self, view: StateView, now: int, limit: int, class_: Class, until: int) -> Sequence[Verdict]:
        """Fire at most `limit` timers of one class's sends, of those that were due at `until` (at most `now`)."""
        ...

    def cancelled(self) -> int:
        """Position of recado.accounts behind the last cancellation that this process has read."""
        ...

    def timers(self, view: StateView, after: bytes, limit: int) -> tuple[Sequence[bytes], bytes]:
        """At most `limit` timers behind the cursor `after` (b"" to begin), and the next cursor, b"" behind the last."""
        ...

    def recall(self, view: StateView, timer: bytes, now: int) -> Verdict | None:
        """Skip the send of a timer, where it was cancelled while it waits; else None."""
        ...

    def drop(self, view: StateView, class_: Class) -> Record:
        """Take the first timer of a class away without firing it; return what is to be buried in its place."""
        ...

    def next_due(self, view: StateView) -> int | None: ...
    def abandon(self, view: StateView, open_key: bytes, now: int) -> Verdict: ...
    def open_attempts(self, view: StateView) -> Sequence[bytes]: ...
    def sweep(self, view: StateView, now: int, after: bytes, limit: int) -> bytes: ...
    def settings_version(self) -> int:
        """Next position of recado.accounts that this process has read up to."""
        ...


class Lanes(Protocol):
    """The sender's slots, shared by all pipelines of a worker (streams/sender.py)."""

    def free(self, role: Role) -> int:
        """Attempts of this class that there is room for."""
        ...

    def reserve(self, call: Call) -> None:
        """Take the room from the decision on: other partitions decide while this one commits."""
        ...

    def start(self, calls: Sequence[Call], tenure: int) -> None:
        """Make the calls of one commit, which is durable."""
        ...

"""Records that are not decided here: buried as dead letters, or moved to the partition they belong to.

Keys and headers are a stranger's: they go along only as far as the record still fits a topic.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from connectors.ports import MachineryFault, Message, Record
from events.dead_letter import MOST_HEADERS, DeadLetter, encode_dead_letter
from events.topics import Role

log = logging.getLogger(__name__)

ORIGIN = "recado-origin"  # header of a record moved from another partition: "topic/partition/offset"
BESIDE = 64 * 1024  # bytes of a key, and of the headers, that go with a record which is moved or buried
BURIED = 5  # dead letters by a decider's bug that one minute may bring; beyond, the worker stops
MINUTE = 60_000


class TimerRecord(NamedTuple):
    """What is buried of a send whose timer no decider could fire; a ports.Record that lies in no topic."""

    key: bytes
    value: bytes
    offset: int = -1
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


def moved(role: Role, record: Record, partition: int, home: int) -> Message:
    """A record of `partition` as it is written to the one it belongs to, with its origin."""
    origin = f"{role.value}/{partition}/{record.offset}".encode()
    return Message(_bounded(record.key), record.value, [*_carried(record), (ORIGIN, origin)], home)


def was_moved(record: Record) -> bool:
    """Does the record say that another partition handed it on?"""
    return bool(record.headers) and any(name == ORIGIN for name, _ in record.headers)


class Burial:
    """One partition's dead letters, and how many of them a decider's bugs have made within a minute."""

    def __init__(self, partition: int, topics: Mapping[Role, str], conceal: Callable[[DeadLetter], DeadLetter]) -> None:
        """`conceal` seals a letter, where its account's privacy wants that."""
        self._partition = partition
        self._conceal = conceal
        self._topics = topics
        self._bugs: deque[int] = deque()

    def letter(self, role: Role, record: Record, now: int, reason: str, detail: str) -> Message:
        """The record as a dead letter: its bytes as they came, and why."""
        original = record.value
        letter = DeadLetter(
            reason, detail, self._topics.get(role, role.value), self._partition, record.offset, now, original,
            len(original or b""), record.key, tuple(record.headers),
        )  # fmt: skip
        written = self._conceal(letter)
        key = record.key if written.sealed is None else written.sealed_for.encode() or None
        return Message(_bounded(key), encode_dead_letter(written))

    def bug(self, now: int, bug: Exception) -> str:
        """Note a bug and return what its dead letter says. Raises MachineryFault past a few in a minute: a bad deploy
        must not bury every password."""
        log.error("a decider failed: %s at %s", type(bug).__name__, _where(bug))
        self._bugs.append(now)
        while self._bugs and self._bugs[0] < now - MINUTE:
            self._bugs.popleft()
        if len(self._bugs) > BURIED:
            raise MachineryFault(
                f"deciders failed {len(self._bugs)} times within a minute, last with {type(bug).__name__} at "
                f"{_where(bug)}: this is a fault of the code, not of the records. Nothing of this batch was committed."
            ) from bug
        return f"a decider failed with {type(bug).__name__}; see the worker's log"


def _bounded(key: bytes | None) -> bytes | None:
    """A stranger's key, unless it is so long that what is written with it might not fit a topic."""
    return key if key is None or len(key) <= BESIDE else None


def _carried(record: Record) -> list[tuple[str, bytes]]:
    """A stranger's first headers, as far as they fit beside the value; a former origin is not carried on."""
    carried, spent = [], 0
    for name, value in record.headers[:MOST_HEADERS]:
        spent += len(name.encode()) + len(value or b"")
        if spent > BESIDE:
            break
        if name != ORIGIN:
            carried.append((name, value))
    return carried


def _where(bug: BaseException) -> str:
    """File and line of the innermost frame: enough to find it, and nothing of the record's content."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"

"""Kafka as its clients see it: partitions with holes, transactions with epochs, readers that see only what is stable.

A transaction is decided in one moment and shown later: each partition that it wrote learns of its end by a marker of
its own, and until then nothing behind its first record can be read there (the last stable offset).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from connectors.ports import Fenced, Message
from events.topics import Role
from simulation.scheduler import Process, Signal
from streams.pipeline import INPUTS

TIMEOUT: Final = 9_000  # ms a transaction may stay open; a minute in production, but then it would hardly ever run out
READ: Final = frozenset(INPUTS)

Place = tuple[Role, int]


class Entry:
    """One record as it lies in a partition: a ports.Record. `transaction` is None for a plain producer's."""

    __slots__ = ("headers", "key", "offset", "timestamp", "transaction", "value")

    def __init__(self, offset: int, message: Message, timestamp: int, transaction: "Transaction | None") -> None:
        self.offset = offset
        self.key = message.key
        self.value = message.value
        self.headers = message.headers
        self.timestamp = timestamp
        self.transaction = transaction


class Transaction:
    """`decided` is the scheduler's step at which it was committed, from when on it can be relied on; 0 until then."""

    __slots__ = ("began", "decided", "epoch", "id", "lines", "owner", "state")

    def __init__(self, id_: str, epoch: int, owner: Process, began: int) -> None:
        self.id = id_
        self.epoch = epoch
        self.owner = owner
        self.began = began
        self.decided = 0
        self.state = "open"  # then "commit" or "abort" once decided, "done" once every partition knows
        self.lines: list[Line] = []


class Line:
    """One partition of one topic. A hole (None) is a marker, an aborted record, or one that was compacted away."""

    __slots__ = ("begin", "entries", "id", "open", "partition", "role", "stable")

    def __init__(self, role: Role, partition: int) -> None:
        self.role = role
        self.partition = partition
        self.id = f"{role.value}/{partition}/0"
        self.begin = 0
        self.entries: list[Entry | None] = []
        self.open: dict[Transaction, int] = {}
        self.stable = 0  # the last stable offset

    def append(self, message: Message, at: int, transaction: Transaction | None = None) -> int:
        """Add a record; return its offset."""
        offset = len(self.entries)
        self.entries.append(Entry(offset, message, at, transaction))
        if transaction is not None and transaction not in self.open:
            self.open[transaction] = offset
            transaction.lines.append(self)
        if not self.open:
            self.stable = offset + 1
        return offset

    def mark(self, transaction: Transaction) -> None:
        """The transaction's end reaches this partition."""
        first = self.open.pop(transaction)
        if transaction.state == "abort":
            entries = self.entries
            for offset in range(first, len(entries)):
                entry = entries[offset]
                if entry is not None and entry.transaction is transaction:
                    entries[offset] = None
        self.entries.append(None)
        self._settle()

    def _settle(self) -> None:
        self.stable = min(self.open.values()) if self.open else len(self.entries)

    def read(self, start: int, limit: int, end: int | None = None) -> tuple[list[Entry], int]:
        """At most `limit` records from `start` up to what is stable (or `end`), and the position behind them."""
        stable = self.stable if end is None else end
        found: list[Entry] = []
        entries = self.entries
        for offset in range(max(start, self.begin), stable):
            entry = entries[offset]
            if entry is not None:
                if len(found) == limit:
                    return found, offset
                found.append(entry)
        return found, max(start, stable)

    def committed(self) -> list[Entry]:
        """Every record that a read_committed reader can see."""
        return [entry for entry in self.entries[: self.stable] if entry is not None]

    def compact(self, horizon: int) -> None:
        """Keep the newest record of each key, and no deletion that is older than `horizon` (ms)."""
        newest: set[bytes | None] = set()
        for offset in range(self.stable - 1, -1, -1):
            entry = self.entries[offset]
            if entry is None:
                continue
            if entry.key in newest or (entry.value is None and entry.timestamp < horizon):
                self.entries[offset] = None
            newest.add(entry.key)

    def recreate(self) -> None:
        """Deleted and made anew under the same name."""
        number = int(self.id.rsplit("/", 1)[1]) + 1
        self.id = f"{self.role.value}/{self.partition}/{number}"
        self.entries.clear()
        self.open.clear()
        self.begin = self.stable = 0


class Broker:
    """All partitions, and the transaction coordinator. `show` brings a decided transaction's markers to its partitions,
    at once or not; `told` is called whenever a partition may have more to read."""

    def __init__(self, partitions: int, step: Callable[[], int], signal: Callable[[], Signal]) -> None:
        self.partitions = partitions
        self.show: Callable[[Transaction], None] = self.mark_all
        self.told: Callable[[int], None] = lambda partition: None
        self.fencing = True
        self.shown = signal()  # some transaction is done
        self._step = step
        self._lines: dict[Place, Line] = {}
        self._epochs: dict[str, int] = {}
        self._current: dict[str, Transaction] = {}

    def line(self, role: Role, partition: int) -> Line:
        """One partition of one topic."""
        line = self._lines.get((role, partition))
        if line is None:
            line = self._lines[role, partition] = Line(role, partition)
        return line

    def publish(self, role: Role, partition: int, message: Message, at: int) -> int:
        """A plain producer's record; return its offset."""
        offset = self.line(role, partition).append(message, at)
        self.told(partition)
        return offset

    # --- the transaction coordinator ------------------------------------------------------------------------------

    def fence(self, id_: str) -> int:
        """A new epoch: from here on no earlier one can write. What one left open is aborted."""
        epoch = self._epochs[id_] = self._epochs.get(id_, -1) + 1
        current = self._current.get(id_)
        if current is not None and current.state == "open" and self.fencing:
            self._decide(current, "abort")
        return epoch

    def busy(self, id_: str) -> bool:
        """Is the end of the last transaction still on its way to its partitions?"""
        current = self._current.get(id_)
        return current is not None and current.state in ("commit", "abort")

    def begin(self, id_: str, epoch: int, owner: Process, at: int) -> Transaction:
        """Raises Fenced."""
        self._check(id_, epoch)
        transaction = self._current[id_] = Transaction(id_, epoch, owner, at)
        return transaction

    def write(self, transaction: Transaction, line: Line, messages: Iterable[Message], at: int) -> int:
        """Append to a partition; return the last offset. Raises Fenced."""
        self._check(transaction.id, transaction.epoch)
        offset = -1
        for message in messages:
            offset = line.append(message, at, transaction)
        return offset

    def commit(self, transaction: Transaction) -> None:
        """Decide it: from here on it is durable. Raises Fenced."""
        self._check(transaction.id, transaction.epoch)
        self._decide(transaction, "commit")

    def expire(self, now: int) -> int:
        """Abort what was open for too long, and fence its writer; return how many."""
        late = [t for t in self._current.values() if t.state == "open" and now - t.began > TIMEOUT]
        for transaction in late:
            self._epochs[transaction.id] += 1
            self._decide(transaction, "abort")
        return len(late)

    def mark_all(self, transaction: Transaction) -> None:
        """Every partition learns of the end."""
        for line in list(transaction.lines):
            self.mark(transaction, line)

    def mark(self, transaction: Transaction, line: Line) -> None:
        """One partition learns of the end."""
        line.mark(transaction)
        transaction.lines.remove(line)
        if not transaction.lines:
            transaction.state = "done"
            self.shown.set()
        if line.role in READ:
            self.told(line.partition)

    @property
    def settled(self) -> bool:
        """No transaction is open, or decided and not shown yet."""
        return all(transaction.state == "done" for transaction in self._current.values())

    def _check(self, id_: str, epoch: int) -> None:
        if self.fencing and self._epochs[id_] != epoch:
            raise Fenced(f"{id_}: another producer has the transactional id")

    def _decide(self, transaction: Transaction, state: str) -> None:
        transaction.state = state
        if state == "commit":
            transaction.decided = self._step()
        if transaction.lines:
            self.show(transaction)
        else:
            transaction.state = "done"
            self.shown.set()


def records(broker: Broker, role: Role) -> Sequence[tuple[int, Entry]]:
    """Every committed record of a topic with its partition; each partition's in order."""
    count = 1 if role in (Role.ACCOUNTS, Role.DEAD_LETTERS) else broker.partitions
    return [(number, entry) for number in range(count) for entry in broker.line(role, number).committed()]

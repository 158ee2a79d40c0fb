"""The ports of the commit protocol and the send path: what the engine asks of the world, and nothing else.

The pipeline (streams/pipeline.py) and the sender (streams/sender.py) are written against these. Kafka, RocksDB,
the provider and the machine's clock stand behind them in production; a seeded world stands behind them in a
simulation, driving the very same code. Times are int milliseconds since the epoch, UTC.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from connectors.carriers.base import NotListed, Page
from events.callback import Provider as Word
from events.topics import Role
from projections.send import Call

Changes = Mapping[bytes, bytes | None]
"""Encoded keys of a partition's state and their new values; None deletes."""


class MachineryFault(Exception):
    """Broker, disk or code is at fault: the worker must stop at once. Nothing is lost: nothing was committed."""


class Fenced(MachineryFault):
    """Another worker owns the partition now. This one may not write any more: stop, say so, start again clean."""


class NotYet(Exception):
    """A record cannot be decided yet: what it needs was written before it, and was not read. It waits in its place."""


class Record(Protocol):
    """One record as a Kafka client hands it over."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...
    @property
    def timestamp(self) -> int: ...


_BEFORE_SENDS: Final = (Role.CONTACTS, Role.CALLBACKS, Role.ACCOUNTS)
BEFORE: Final[Mapping[Role, Sequence[Role]]] = {
    Role.CONTACTS: (Role.ACCOUNTS,),  # whose country a number without a prefix is of
    Role.TRANSACTIONAL: _BEFORE_SENDS,
    Role.NEWSLETTER: _BEFORE_SENDS,
}
"""Topics whose ends bound a fetch: what lay before it in them is read first. Kafka knows no order across topics, and
people expect one."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """What one fetch of one topic's partition brought: positions, not record offsets, bound it.

    Compaction and transaction markers leave holes between records, so only the consumer's position before and
    after the fetch says what was covered. `ends` holds the ends that the topics BEFORE it had after
    this fetch, what was not committed yet included: what must be read before these records are decided.
    """

    role: Role
    start: int
    next: int
    records: Sequence[Record]
    ends: Mapping[Role, int] = field(default_factory=dict)
    fetched_at: int = 0


class Message(NamedTuple):
    """One record to write: to the partition of the commit unless another is named."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None


@dataclass(slots=True)
class Commit:
    """Everything that moves together in one transaction of one partition."""

    facts: list[Message] = field(default_factory=list)
    changes: dict[bytes, bytes | None] = field(default_factory=dict)
    dead_letters: list[Message] = field(default_factory=list)
    moved: list[tuple[Role, Message]] = field(default_factory=list)
    at: int = 0

    def __bool__(self) -> bool:
        return bool(self.facts or self.changes or self.dead_letters or self.moved)


class Log(Protocol):
    """One partition's transactional writer, fenced when the partition was taken over."""

    async def commit(self, commit: Commit) -> int:
        """Write all of it in one transaction; return the changelog position after it.

        Raises Fenced when another worker has taken the partition, MachineryFault when the outcome is not known.
        """
        ...


class Store(Protocol):
    """One partition's local copy of the state: can be thrown away and read again from the changelog."""

    def get(self, key: bytes) -> bytes | None: ...

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, bytes]]:
        """At most `limit` keys that begin with `prefix`, in key order, up to but without `before`."""
        ...

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` keys that begin with `prefix` and sort behind `key`."""
        ...

    def write(self, changes: Changes, changelog_next: int, at: int) -> None:
        """Apply all changes and the changelog position they came with, in one atomic write; `at` is now, ms."""
        ...


class LocalStore(Store, Protocol):
    """A Store as a take-over sees it."""

    source: str
    """Id of the changelog topic that the position is one of; "" where it was never told."""

    @property
    def changelog_next(self) -> int:
        """Changelog position up to which this copy is complete; -1 for a new one."""
        ...

    @property
    def written_at(self) -> int:
        """When this copy was last written, ms; 0 for a new one."""
        ...

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key of the state, in order."""
        ...


class Stores(Protocol):
    """The local copies of the partitions that this worker owns."""

    def open(self, partition: int) -> LocalStore: ...

    def wipe(self, partition: int) -> LocalStore:
        """Throw the local copy away and begin an empty one."""
        ...


class LogReader(Protocol):
    """Reads one partition of the changelog or the journal, committed records only."""

    def read(self, role: Role, partition: int, start: int, end: int) -> AsyncIterator[tuple[Sequence[Record], int]]:
        """Yield (records, next position) until `end` is reached; only the position tells: markers have no record."""
        ...


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...


class Lease(Protocol):
    """May this process still call the provider for a partition it believes to own?"""

    def holds(self, partition: int, tenure: int) -> bool:
        """True if the partition is assigned in this tenure and a heartbeat was answered recently enough."""
        ...


class Provider(Protocol):
    """The provider of an account, whichever it is; the answer comes back as the bytes of an answer event."""

    async def send(self, call: Call) -> Any:
        """Make the one permitted call of an attempt; return a carrier's Answer, never raise for the network."""
        ...

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Any]:
        """The same for several attempts of one account, in one call where its carrier can: an Answer for each, in
        order."""
        ...


class Lists(Protocol):
    """What the providers of the accounts list. `fallback` asks the account's second connector. Raises nothing for what
    the network does; a connector that is no longer there, or is another provider's, is NotListed("account")."""

    async def page(
        self, account: str, provider: Word, fallback: bool, cursor: str | None, since: int
    ) -> Page | NotListed:
        """See connectors/carriers/base.py, Carrier."""
        ...

    async def look_up(self, account: str, provider: Word, fallback: bool, provider_id: str) -> Page | NotListed:
        """Likewise."""
        ...


class Answers(Protocol):
    """Appends what the provider answered to recado.answers."""

    async def append(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Return once these records, each a key and a value, are durable, in order. Raises MachineryFault if that
        cannot be had: any of them may be there then."""
        ...


Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Start a coroutine beside the others: asyncio's create_task in production, the seeded scheduler in a simulation."""

Pause = Callable[[], Coroutine[Any, Any, None]]
"""Let others run for a moment: asyncio.sleep(0) in production."""


def total(fetches: Iterable[Fetch]) -> int:
    """Records in these fetches."""
    return sum(len(fetch.records) for fetch in fetches)

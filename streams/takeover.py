"""Taking over a partition, behind the fence: the changelog to its end, the positions from it, and only then decide.

Order matters here more than anywhere: a state read before the fence (ports.Log is opened first) may miss what a
former owner still writes. Written against the ports, so that a simulation drives the same code.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from connectors.ports import Changes, Commit, LocalStore, Log, LogReader, MachineryFault, Record, Stores
from events.codec import decode_fact
from events.topics import Role
from projections import keyring
from streams.pipeline import Pipeline
from streams.progress import COUNTS, POSITIONS, SILENT_HEADER, STATE_HEADER
from streams.verdict import Workflow
from streams.view import Decode, Encode, StateView

log = logging.getLogger(__name__)

STALE_AFTER = 12 * 3600 * 1000  # ms: half of what a compacted topic keeps of deletions; an older copy may miss some
FOLDED = 5_000  # keys changed by a rebuild before they go to the local store
# Keys, and bytes, of a rebuilt state that go to the changelog in one transaction: each has its own wait for the broker.
WRITTEN = 40_000
WRITTEN_BYTES = 8 * 1024 * 1024
KEPT_FOREVER = frozenset((Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER, Role.CALLBACKS))

Bounds = Mapping[Role, tuple[int, int]]
"""First and last stable position of each of a partition's topics, asked for behind the fence."""


class Foldable(Workflow, Protocol):
    """A workflow whose facts alone rebuild its state."""

    def fold(self, fact: Any, view: StateView, at: int) -> None:
        """Apply one fact of the journal, recorded `at` (ms)."""

    def fold_silent(self, ids: bytes, view: StateView, at: int) -> None:
        """Remember inputs that left no fact: 16 bytes each."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How a partition's state came back, for the log and the benchmark."""

    records: int
    facts: int
    wiped: bool


@dataclass(frozen=True, slots=True)
class TakeOver:
    """What every take-over of a worker shares; `run` brings one partition's state to the end of its changelog."""

    reader: LogReader
    stores: Stores
    encode: Encode
    decode: Decode
    cached: int = 20_000
    changelog_id: str = ""

    async def run(
        self, partition: int, bounds: Bounds, workflow: Foldable, writer: Log, now: int
    ) -> tuple[LocalStore, StateView, Recovered]:
        """The partition's state. `writer` must be open already: it is the fence. Raises MachineryFault."""
        begin, end = bounds[Role.STATE]
        store, recovered = await recover(self.reader, self.stores, partition, begin, end, now, self.changelog_id)
        view = StateView(store, self.encode, self.decode, self.cached)
        begin, end = bounds[Role.JOURNAL]
        if view.get(POSITIONS) is None and end > begin:
            # What lies there without positions is a rebuild that was cut short: begin it again, with nothing.
            store = self.stores.wipe(partition)
            view = StateView(store, self.encode, self.decode, self.cached)
            await unlock(self.reader, store, view, partition, bounds.get(Role.KEYS, (0, 0)), now)
            facts = await rebuild(self.reader, store, view, workflow, partition, begin, end, writer, now)
            recovered = Recovered(recovered.records, facts, wiped=True)
        return store, view, recovered


def begin(pipeline: Pipeline, bounds: Bounds) -> None:
    """Hold the state's positions against the topics before the first step. Raises MachineryFault where they differ."""
    for role, position in list(pipeline.positions.items()):
        if role not in bounds:
            continue
        first, end = bounds[role]
        where = f"{role}[{pipeline.partition}]"
        if position > end:
            raise MachineryFault(
                f"{where} ends at {end}, but {position} was already read: the log was cut short. Restore it from a "
                "replica or a backup; deciding on would skip what comes next."
            )
        if position < first:
            if role in KEPT_FOREVER and position > 0:
                raise MachineryFault(
                    f"{where} begins at {first}, but was read only up to {position}: records were deleted before they "
                    "were read. Set the topic's retention.ms to -1 and restore them."
                )
            pipeline.start_at(role, first)
    pipeline.await_answers(bounds[Role.ANSWERS][1] if Role.ANSWERS in bounds else 0)


async def recover(
    reader: LogReader, stores: Stores, partition: int, begin: int, end: int, now: int, changelog_id: str = ""
) -> tuple[LocalStore, Recovered]:
    """Bring the local copy to the changelog's end. One that cannot be trusted is thrown away first."""
    store = stores.open(partition)
    position = store.changelog_next
    wiped = not _usable(store, begin, end, now, changelog_id)
    if wiped:
        store = stores.wipe(partition)
        position = -1
    store.source = changelog_id
    read = 0
    async for fetched, reached in reader.read(Role.STATE, partition, max(position, begin), end):
        records, after = _within(end, fetched, reached)
        changes = {record.key: record.value for record in records if record.key is not None}
        store.write(changes, after, now)
        read += len(records)
    return store, Recovered(read, 0, wiped)


def _within(end: int, records: Sequence[Record], after: int) -> tuple[Sequence[Record], int]:
    """What of a fetch lies before the end: a fetch may bring more than was asked for. What lies behind the end was
    written by a new owner, if this worker was frozen meanwhile: its state must fit its bounds, the fence does the rest.
    """
    if after <= end:
        return records, after
    return [record for record in records if record.offset < end], end


def _usable(store: LocalStore, begin: int, end: int, now: int, changelog_id: str) -> bool:
    position = store.changelog_next
    if position < 0:  # new; or a rebuild that was cut short, whose keys another worker's may not have
        return next(store.items(), None) is None
    if store.source != changelog_id:  # positions in another topic, which had the same name
        return False
    if position > end or position < begin:
        return False
    return position == end or now - store.written_at <= STALE_AFTER


async def unlock(
    reader: LogReader, store: LocalStore, view: StateView, partition: int, bounds: tuple[int, int], now: int
) -> None:
    """The keys of the partition's contacts, which the journal does not hold, into an empty state."""
    begin, end = bounds
    async for fetched, reached in reader.read(Role.KEYS, partition, begin, end):
        for record in _within(end, fetched, reached)[0]:
            key = keyring.KEYS + (record.key or b"")
            wrapped = keyring.read(record.value)
            view.delete(key) if wrapped is None else view.put(key, wrapped)
        store.write(view.changes(), -1, now)
        view.committed()


async def rebuild(
    reader: LogReader,
    store: LocalStore,
    view: StateView,
    workflow: Foldable,
    partition: int,
    begin: int,
    end: int,
    writer: Log,
    now: int,
) -> int:
    """Fold the journal into an empty state and write it to the changelog; return the number of facts.

    The whole fold is finished in the local store before the first key is written to the changelog, and the
    positions are written last: a crash in between leaves a changelog without positions, and the next take-over
    begins this again.
    """
    folded = 0
    header: bytes | None = None
    async for fetched, reached in reader.read(Role.JOURNAL, partition, begin, end):
        for record in _within(end, fetched, reached)[0]:
            if record.value is None:
                continue
            workflow.fold(decode_fact(record.value), view, record.timestamp)
            folded += 1
            for name, value in record.headers:
                if name == STATE_HEADER:
                    header = value
                elif name == SILENT_HEADER:
                    workflow.fold_silent(value, view, record.timestamp)
            if view.changed >= FOLDED:
                store.write(view.changes(), -1, now)
                view.committed()
        store.write(view.changes(), -1, now)
        view.committed()
    if folded and header is None:
        raise MachineryFault(
            f"partition {partition}: its changelog is empty and the journal does not say what was read already. "
            "Deciding it all anew would text everyone again, so the worker stops. Restore the changelog topic."
        )
    saved: dict[str, Any] = orjson.loads(header) if header else {}
    chunk: dict[bytes, bytes | None] = {}
    size = 0
    for key, value in store.items():
        if key not in (POSITIONS, COUNTS):
            chunk[key] = value
            size += len(key) + len(value)
        if len(chunk) >= WRITTEN or size >= WRITTEN_BYTES:
            await writer.commit(Commit(changes=chunk, at=now))
            chunk, size = {}, 0
    last: Changes = {
        **chunk,
        POSITIONS: orjson.dumps(saved.get("positions", {})),
        COUNTS: orjson.dumps(saved.get("counts", {})),
    }
    changelog_next = await writer.commit(Commit(changes=dict(last), at=now))
    store.write({key: last[key] for key in (POSITIONS, COUNTS)}, changelog_next, now)
    log.info("partition %d: state rebuilt from %d facts", partition, folded)
    return folded

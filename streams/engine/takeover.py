"""Taking over a partition: fence, read the changelog to its end, take the positions from it, and only then decide.

Replaces Faust's recovery, which reads changelogs one record at a time, swallows exceptions and trusts offsets that
its own acks have moved. Order matters here more than anywhere: a state read before the fence may miss what a former
owner still writes.
"""

import logging
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from connectors.kafka.changelog import Reader
from connectors.kafka.transaction import TransactionLog
from connectors.ports import Changes, Commit, MachineryFault
from connectors.state import StateStore
from events.codec import decode_fact
from streams.engine.consumer import engine_of
from streams.engine.table import PartitionStores
from streams.pipeline import COUNTS, POSITIONS, SILENT_HEADER, STATE_HEADER, Workflow
from streams.view import StateView

log = logging.getLogger(__name__)

STALE_AFTER = 12 * 3600 * 1000  # ms: half of what a compacted topic keeps of deletions; an older copy may miss some
REBUILD_BATCH = 5_000  # facts folded, or keys written, before the state is written on


class Foldable(Workflow, Protocol):
    """A workflow whose facts alone rebuild its state."""

    def fold(self, fact: Any, view: StateView) -> None:
        """Apply one fact of the journal."""

    def fold_silent(self, ids: bytes, view: StateView, at: int) -> None:
        """Remember inputs that left no fact: 16 bytes each."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How a partition's state came back, for the log and the benchmark."""

    records: int
    facts: int
    wiped: bool


class PartitionTables(TableManager):
    """Faust's table manager with the take-over in the place of its recovery."""

    async def on_start(self) -> None:
        # Faust waits a second here for tables to be declared; all of ours exist before the app starts.
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = TakeOver(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class TakeOver(Recovery):
    """Faust's recovery service; `_restart_recovery` is the task that Faust signals after each rebalance."""

    def on_partitions_revoked(self, revoked: Set[TP]) -> None:
        engine_of(self.app).suspend()

    @Service.task
    async def _restart_recovery(self) -> None:
        engine = engine_of(self.app)
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]
                break
            self.signal_recovery_start.clear()
            generation = self._generation_id
            self._set_recovery_started()
            try:
                await engine.release()
                partitions = sorted({tp.partition for tp in self.app.assignor.assigned_actives()})
                await self._wait(engine.take_over(partitions))
                await self.on_recovery_completed(generation)
            except RebalanceAgain:
                continue
            except ServiceStopped:
                break
            except BaseException as exc:
                # Faust would log this and go on without state. A worker that cannot recover must not decide.
                engine.fatal(exc)
                raise


async def recover(
    reader: Reader, stores: PartitionStores, topic: str, partition: int, begin: int, end: int, now: int
) -> tuple[StateStore, Recovered]:
    """Bring the local copy to the changelog's end. A copy that is ahead of it, or too old, is thrown away first."""
    store = stores.open(partition)
    position = store.changelog_next
    wiped = False
    if position > end or 0 <= position < begin or (0 <= position < end and now - store.written_at > STALE_AFTER):
        store = stores.wipe(partition)
        position, wiped = -1, True
    read = 0
    async for records, after in reader.read(topic, partition, max(position, begin), end):
        changes = {record.key: record.value for record in records if record.key is not None}
        store.write(changes, after, now)
        read += len(records)
    return store, Recovered(read, 0, wiped)


async def rebuild(
    reader: Reader,
    store: StateStore,
    view: StateView,
    workflow: Foldable,
    topic: str,
    partition: int,
    begin: int,
    end: int,
    writer: TransactionLog,
    now: int,
) -> int:
    """Fold the journal into an empty state and write it to the changelog; return the number of facts.

    The whole fold is finished in the local store before the first key is written to the changelog, and the
    positions are written last: a crash in between leaves a changelog without positions, and the next take-over
    begins this again.
    """
    folded = 0
    header: bytes | None = None
    async for records, _ in reader.read(topic, partition, begin, end):
        for record in records:
            if record.value is None:
                continue
            workflow.fold(decode_fact(record.value), view)
            folded += 1
            for name, value in record.headers:
                if name == STATE_HEADER:
                    header = value
                elif name == SILENT_HEADER:
                    workflow.fold_silent(value, view, record.timestamp)
            if view.changed >= REBUILD_BATCH:
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
    for key, value in store.items():
        if key not in (POSITIONS, COUNTS):
            chunk[key] = value
        if len(chunk) >= REBUILD_BATCH:
            await writer.commit(Commit(changes=chunk, at=now))
            chunk = {}
    last: Changes = {
        **chunk,
        POSITIONS: orjson.dumps(saved.get("positions", {})),
        COUNTS: orjson.dumps(saved.get("counts", {})),
    }
    changelog_next = await writer.commit(Commit(changes=dict(last), at=now))
    store.write({key: last[key] for key in (POSITIONS, COUNTS)}, changelog_next, now)
    log.info("partition %d: state rebuilt from %d facts", partition, folded)
    return folded

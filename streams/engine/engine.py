"""The engine's shell: the pipelines that this worker owns now, what wakes them, and how they begin and end.

A tenure is one assignment of partitions to this worker. Every pipeline, writer and store belongs to one tenure and is
made anew in the next; nothing of an earlier one is trusted. The file is long because suspending, releasing and taking
over guard the same few fields: who changes one of the three has to see the others.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from faust.types import TP

from connectors.kafka.changelog import Bounds, Reader
from connectors.kafka.transaction import TransactionLog
from connectors.ports import Fetch, LocalStore
from events.topics import Role
from streams import takeover
from streams.engine.consumer import Batch
from streams.engine.horizon import Horizon
from streams.engine.precedence import Precedence
from streams.engine.table import PartitionStores
from streams.engine.wiring import Membership, Wiring
from streams.pipeline import Pipeline
from streams.takeover import Foldable
from streams.view import StateView

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0  # half a session: a call is made only if a heartbeat was answered this recently
DRAIN_SECONDS = 8.0  # how long calls under way may take to be answered when partitions are given up
TICK = 0.25  # seconds between looks at a barrier that only time or another topic can lift
LOST_AFTER = 2.0  # seconds after which a batch that Faust was handed is fetched again: positions make that harmless
SHORTEST = 0.02  # seconds between two looks at anything
LAG_EVERY = 2.0  # seconds between writes of the group's offsets, which only lag displays read


@dataclass(slots=True)
class Running:
    """A pipeline with what belongs to it."""

    pipeline: Pipeline
    writer: TransactionLog
    wake: asyncio.Event
    task: asyncio.Task[None] | None = None


class Engine:
    """See the module. `fatal` ends the process: a fault of the machinery must not be survived by half."""

    def __init__(self, wiring: Wiring, fatal: Callable[[BaseException], None]) -> None:
        self.wiring = wiring
        self.horizon = Horizon(wiring, Bounds(wiring.client))
        self.tenure = 0
        self.suspended = True
        self.members: Membership | None = None
        self.running: dict[int, Running] = {}
        self.recovered: dict[int, tuple[int, float]] = {}  # partition: records read, seconds; of the last take-over
        self.took_over = asyncio.Event()
        self.precedence = Precedence()
        self._fatal = fatal
        self._failed = False
        self._stores: PartitionStores | None = None
        self._roles = {name: role for role, name in wiring.topics.items()}
        self._room = asyncio.Event()
        self._outstanding: dict[TP, tuple[Batch, float]] = {}
        self._writers: list[TransactionLog] = []
        self._taking: asyncio.Task[None] | None = None
        self._giving_up = asyncio.Lock()
        self._suspensions = 0
        self.retired = False

    async def open(self) -> None:
        """Before the app starts. Raises aiokafka's KafkaError when the broker cannot be reached."""
        await self.horizon.open()

    async def close(self) -> None:
        """After the app has stopped."""
        await self.horizon.close()

    @property
    def stores(self) -> PartitionStores:
        """The local stores, which are the Faust table's. Raises RuntimeError before an application has given them."""
        if self._stores is None:
            raise RuntimeError("this engine is not part of an application yet: see build_app")
        return self._stores

    @stores.setter
    def stores(self, stores: PartitionStores) -> None:
        self._stores = stores

    # --- for the consumer -----------------------------------------------------------------------------------------

    def fatal(self, exc: BaseException) -> None:
        """The machinery is at fault: stop at once; everything not committed will be done again."""
        if not self._failed:
            self._failed = True
            self.suspend()
            self._fatal(exc)

    def is_changelog(self, topic: str) -> bool:
        return self._roles.get(topic) is Role.STATE

    def role_of(self, topic: str) -> Role:
        return self._roles[topic]

    def wanted(self) -> dict[TP, int]:
        """Where to fetch from: each partition with room, at the position that its pipeline will accept."""
        if self.suspended:
            return {}
        topics, outstanding = self.wiring.topics, self._outstanding
        lost = time.monotonic() - LOST_AFTER
        wanted: dict[TP, int] = {}
        for partition, running in self.running.items():
            for role, position in running.pipeline.wanted().items():
                tp = TP(topics[role], partition)
                handed = outstanding.get(tp)
                if (handed is None or handed[1] < lost) and role is not Role.ACCOUNTS:
                    wanted[tp] = position
        return wanted

    def handed(self, tp: TP, batch: Batch) -> None:
        """A batch is on its way through Faust; its topic is not fetched again until it has arrived, or is lost."""
        self._outstanding[tp] = batch, time.monotonic()

    def coming(self, tp: TP, fetch: Fetch) -> None:
        """This was fetched, and what bounds it is asked for before it is handed over."""
        if fetch.role is Role.TRANSACTIONAL and fetch.records and not self.suspended:
            self.precedence.begin(tp.partition)

    def accept(self, batch: Batch) -> None:
        """A batch has arrived. One of an earlier tenure, or one that does not continue, is dropped."""
        fetch = batch.fetch
        tp = TP(self.wiring.topics[fetch.role], batch.partition)
        handed = self._outstanding.get(tp)
        if handed is not None and handed[0] is batch:
            del self._outstanding[tp]
        running = self.running.get(batch.partition)
        if running is not None and batch.tenure == self.tenure and running.pipeline.accept(fetch):
            running.wake.set()
            if fetch.role is Role.TRANSACTIONAL:
                self.precedence.arrived(batch.partition)
        elif fetch.role is Role.TRANSACTIONAL:
            self.precedence.end(batch.partition)
        self._room.set()

    async def wait_for_room(self, seconds: float) -> None:
        """Until something may be fetched again, or the time is over."""
        self._room.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), seconds)

    def freed(self) -> None:
        """A slot came free."""
        self._room.set()
        self.wake_all()

    def settings_changed(self) -> None:
        """recado.accounts was read on. Every process reads it; partition 0 keeps its dead letters, once."""
        first, settings = self.running.get(0), self.wiring.settings
        if first is not None and Role.ACCOUNTS in first.pipeline.positions:
            tail, version = first.pipeline.wanted().get(Role.ACCOUNTS), settings.version
            if tail is not None and tail < version:
                buried = [record for record in settings.unreadable if record.offset >= tail]
                first.pipeline.accept(Fetch(Role.ACCOUNTS, tail, version, buried))
        self.wake_all()

    def wake_all(self) -> None:
        """Settings or slots changed: what was held back may go on."""
        for running in self.running.values():
            running.wake.set()

    # --- the lease ------------------------------------------------------------------------------------------------

    def holds(self, partition: int, tenure: int) -> bool:
        """ports.Lease: called right before each provider call."""
        return (
            not self.suspended
            and tenure == self.tenure
            and partition in self.running
            and self.members is not None
            and self.members.beat_age() < LEASE_SECONDS
        )

    # --- tenures --------------------------------------------------------------------------------------------------

    def suspend(self) -> None:
        """At once, without waiting: no further fetch is taken, no further step begins, no further call is made."""
        self.suspended = True
        self._suspensions += 1
        self.precedence.clear()
        for running in self.running.values():
            running.pipeline.stopped = True
            running.wake.set()

    async def release(self) -> int:
        """Give up all partitions: finish the commit under way, let calls be answered, close everything. What comes back
        is for `take_over`: a rebalance that begins meanwhile makes it void."""
        self.suspend()
        asked = self._suspensions
        async with self._giving_up:  # another rebalance may come while calls are still waited for
            await self._release()
        return asked

    async def _release(self) -> None:
        self.took_over.clear()
        taking, self._taking = self._taking, None
        if taking is not None:  # a rebalance in the middle of a take-over: what it opened is closed below
            taking.cancel()
            await asyncio.wait([taking])
        tasks = [running.task for running in self.running.values() if running.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.wiring.busy() and time.monotonic() < deadline:
            await self.wait_for_room(0.02)
        self.running.clear()
        self._outstanding.clear()
        writers, self._writers = self._writers, []
        await asyncio.gather(*(writer.close() for writer in writers))
        if self._stores is not None:
            self._stores.close_all()

    async def retire(self) -> None:
        """Give up all partitions for good: a rebalance while this worker stops gives it none back."""
        self.retired = True
        await self.release()

    async def take_over(self, partitions: Sequence[int], released: int) -> bool:
        """Own these partitions from now on; False if they were given up again since they were `released`, or are
        meanwhile. Raises MachineryFault.

        See streams/takeover.py for why in this order.
        """
        if self.retired or released != self._suspensions:
            return False
        taking = self._taking = asyncio.create_task(self._take_over(partitions, released))
        try:
            await taking
        except asyncio.CancelledError:
            if self._taking is taking:  # this very call was cancelled, not the take-over by `release`
                raise
            return False
        return not self.suspended

    async def _take_over(self, partitions: Sequence[int], released: int) -> None:
        self.tenure += 1
        wiring = self.wiring
        reader = Reader(wiring.topics, wiring.client)
        changelog_id = wiring.topic_ids.get(Role.STATE.value, "")
        cached = max(500, wiring.cached // max(1, len(partitions)))
        over = takeover.TakeOver(reader, self.stores, wiring.encode, wiring.decode, cached, changelog_id)
        try:
            writers = {partition: self._writer(partition) for partition in partitions}
            await _all_of(reader.open(), *(writer.open() for writer in writers.values()))
            await wiring.settings.caught_up()
            # Only now, behind the fence: nothing that a former owner still wrote can lie beyond these ends.
            bounds = await self.horizon.of(partitions)
            for partition, writer in writers.items():
                began, reach = time.monotonic(), bounds[partition]
                workflow = wiring.workflow(partition)
                store, view, recovered = await over.run(partition, reach, workflow, writer, wiring.clock.now())
                pipeline = self._pipeline(partition, workflow, writer, store, view)
                takeover.begin(pipeline, reach)
                self.recovered[partition] = (recovered.records, time.monotonic() - began)
                self.running[partition] = Running(pipeline, writer, asyncio.Event())
        finally:
            await reader.close()
        if released != self._suspensions:  # a rebalance has begun: its `release` closes what was opened
            return
        self.suspended = False
        for running in self.running.values():
            running.task = asyncio.create_task(self._run(running))
            running.wake.set()
        self.settings_changed()
        self._room.set()
        self.took_over.set()
        log.warning("took over partitions %s (tenure %d)", list(partitions) or "none", self.tenure)

    def _writer(self, partition: int) -> TransactionLog:
        wiring = self.wiring
        writer = TransactionLog(wiring.topics, partition, f"{wiring.transactional_prefix}-{partition}", wiring.client)
        self._writers.append(writer)
        return writer

    def _pipeline(
        self, partition: int, workflow: Foldable, writer: TransactionLog, store: LocalStore, view: StateView
    ) -> Pipeline:
        wiring = self.wiring
        # recado.accounts has one partition, and no place in Faust's assignment: its reader is this process's own.
        own = (Role.ACCOUNTS,) if partition == 0 and Role.TRANSACTIONAL in wiring.inputs else ()
        pipeline = Pipeline(
            partition, self.tenure, workflow, writer, store, view, wiring.clock, wiring.lanes,
            pause=partial(self._pause, partition), inputs=(*own, *wiring.inputs), topics=wiring.topics,
            topic_ids=wiring.topic_ids, limits=wiring.limits, heads=partial(self.horizon.due, partition),
        )  # fmt: skip
        pipeline.last_facts = wiring.on_facts
        return pipeline

    # --- running --------------------------------------------------------------------------------------------------

    async def _run(self, running: Running) -> None:
        pipeline, wake, clock = running.pipeline, running.wake, self.wiring.clock
        loop, precedence = asyncio.get_running_loop(), self.precedence
        try:
            while not pipeline.stopped:
                wake.clear()
                while await pipeline.step():
                    self._room.set()
                    precedence.went_on(pipeline.partition, left=pipeline.hurried())
                    await self._pause(pipeline.partition)
                precedence.went_on(pipeline.partition, left=False)  # what is left waits for something else
                due = pipeline.next_wake()
                waits = TICK if not pipeline.idle else 15.0
                if due is not None:
                    # A timer that is due and did not fire waits for a slot, and `freed` wakes it: no busy waiting.
                    waits = min(waits, max(SHORTEST, (due - clock.now()) / 1000))
                timer = loop.call_later(waits, wake.set)
                await wake.wait()
                timer.cancel()
        except BaseException as exc:  # noqa: BLE001 - ends the process
            self.fatal(exc)

    async def _pause(self, partition: int) -> None:
        """Between two slices of a partition's work. One that holds a transactional send itself goes on, whatever that
        still waits for: what lies before it has to be read."""
        await asyncio.sleep(0)
        running = self.running.get(partition)
        if running is not None:
            await self.precedence.stand_still(partial(running.pipeline.holds, Role.TRANSACTIONAL))

    def lag_positions(self) -> dict[TP, int]:
        """Positions for the group's offsets: displays read them, the engine never does."""
        topics = self.wiring.topics
        return {
            TP(topics[role], partition): position
            for partition, running in self.running.items()
            for role, position in running.pipeline.positions.items()
        }

    def views(self) -> dict[int, StateView]:
        """The states of the partitions that this worker owns now, to be read only."""
        return {partition: running.pipeline.view for partition, running in self.running.items()}

    def owned(self) -> Iterable[int]:
        return tuple(self.running)


async def _all_of(*opening: Coroutine[Any, Any, None]) -> None:
    """Wait for all, also when one fails or this is cancelled: what is open by half cannot be closed."""
    tasks = [asyncio.create_task(each) for each in opening]
    try:
        await asyncio.shield(asyncio.gather(*tasks))
    except BaseException:
        await asyncio.wait(tasks)
        raise

"""Faust's consumer, handing over whole fetches of one partition, each with the positions that bound it.

Faust loses fetched records at rebalances (a fetch that is already under way still moves the position), so nothing
here trusts a position that it did not just compare: every fetch request names, for each partition, the position that
the state expects, and the consumer's thread seeks there first if it stands elsewhere. A fetch that gets lost on its
way is therefore fetched again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from connectors.kafka.headers import as_it_lies, read_any_name
from connectors.ports import Fetch

if TYPE_CHECKING:
    from streams.engine.engine import Engine

IDLE_WAIT = 0.05  # seconds a fetch request waits for data before partitions with new room may join it
BROKER_WAIT_MS = 25  # how long the broker holds a fetch that has nothing: a partition just emptied waits for it


class Batch(NamedTuple):
    """What travels through Faust as one message: a fetch, and the tenure it was made in."""

    partition: int
    tenure: int
    fetch: Fetch


def engine_of(app: Any) -> "Engine":
    """The engine that a Faust application of ours carries (streams/engine/application.py)."""
    engine: Engine = app.engine
    return engine


class BatchSchema(faust.Schema):  # type: ignore[type-arg]  # keys and values are a batch's, whatever the type says
    """Hands an agent the batch itself: nothing is to be decoded by Faust."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return None

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value


class EngineThread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread: fetches, and the time of the last heartbeat that the broker answered."""

    last_beat: float = 0.0

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        read_any_name()
        consumer = super()._create_worker_consumer(transport)
        # Faust would read uncommitted records and let the broker hold an empty fetch for 1.5 s; a partition whose
        # records were just taken is not part of the fetch that is under way, and would wait as long.
        consumer._isolation_level = "read_committed"
        consumer._key_deserializer = as_it_lies
        consumer._fetch_max_wait_ms = BROKER_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        beat: Callable[[], Awaitable[bool]] = coordinator._do_heartbeat

        async def timed() -> bool:
            asked = time.monotonic()
            answered = await beat()
            if answered:
                self.last_beat = asked
            return answered

        coordinator._do_heartbeat = timed

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self.last_beat = time.monotonic()
        engine = engine_of(self.app)
        changelogs = [TopicPartition(*tp) for tp in assigned if engine.is_changelog(tp.topic)]
        try:
            if changelogs:  # assigned with their sources, read by the take-over's own reader: never prefetched here
                self._ensure_consumer().pause(*changelogs)
            await super().on_partitions_assigned(assigned, generation_id)
        except Exception as exc:  # aiokafka would log it and leave a worker that owns partitions and does nothing
            self.parent_loop.call_soon_threadsafe(engine.fatal, exc)  # whose loop's things it touches
            raise

    async def fetch(self, wanted: Mapping[TP, int], waits: float) -> list[tuple[TP, Fetch]]:
        """In the main thread: fetch from these partitions, each from the position named."""
        future = asyncio.run_coroutine_threadsafe(self._fetch(wanted, waits), self.thread_loop)
        return await asyncio.wrap_future(future)

    async def _fetch(self, wanted: Mapping[TP, int], waits: float) -> list[tuple[TP, Fetch]]:
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        subscriptions = fetcher._subscriptions
        if consumer._closed or fetcher._closed or subscriptions.reassignment_in_progress:
            await asyncio.sleep(waits)
            return []
        assignment = subscriptions.subscription.assignment
        ready: dict[TP, int] = {}
        for tp, expected in wanted.items():
            if tp not in assignment.tps:
                continue
            state = assignment.state_value(tp)
            if not state.has_valid_position or state.position != expected:
                consumer.seek(TopicPartition(*tp), expected)
            ready[tp] = expected
        if not ready:  # an empty set would mean "all partitions" to aiokafka
            await asyncio.sleep(waits)
            return []
        with subscriptions.fetch_context():
            records = await _drained(fetcher, ready)
            if not records and not self._moved(assignment, ready):
                waiter = fetcher._create_fetch_waiter()
                await asyncio.wait([waiter], timeout=waits)
                waiter.cancel()
                if subscriptions.reassignment_in_progress or not assignment.active:
                    return []
                records = await _drained(fetcher, ready)
        now = int(time.time() * 1000)
        engine = engine_of(self.app)
        return [
            (tp, Fetch(engine.role_of(tp.topic), start, after, records.get(tp, ()), {}, now))
            for tp, (start, after) in self._moved(assignment, ready).items()
        ]

    @staticmethod
    def _moved(assignment: Any, ready: Mapping[TP, int]) -> dict[TP, tuple[int, int]]:
        moved = {}
        for tp, start in ready.items():
            state = assignment.state_value(tp)
            if state is not None and state.has_valid_position and state.position > start:
                moved[tp] = (start, state.position)
        return moved

    def beat_age(self) -> float:
        """Seconds since the broker last answered a heartbeat without error."""
        return time.monotonic() - self.last_beat

    def dead(self) -> str | None:
        """A task of aiokafka's that ended while the consumer is in use: nothing else would ever tell, and a worker
        without one owns partitions for ever and does nothing."""
        consumer = self._consumer
        if consumer is None or consumer._closed:
            return None
        tasks = {
            "metadata": consumer._client._sync_task,
            "coordination": consumer._coordinator._coordination_task,
            "fetches": consumer._fetcher._fetch_task,
        }
        if consumer._coordinator._pending_exception is not None:  # for whoever asks for records; nobody does
            return "coordination"
        return next((name for name, task in tasks.items() if task is not None and task.done()), None)

    async def show_positions(self, positions: Mapping[TP, int]) -> None:
        """Write the group's offsets, for lag displays only; what goes wrong with it matters to nobody."""
        future = asyncio.run_coroutine_threadsafe(self._show(positions), self.thread_loop)
        await asyncio.wrap_future(future)

    async def _show(self, positions: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        mine = consumer.assignment()
        offsets = {TopicPartition(*tp): at for tp, at in positions.items() if tp in mine and at > 0}
        if offsets:
            with suppress(KafkaError):
                await consumer.commit(offsets)

    async def leave_on_close(self) -> None:
        """A planned stop says so: a static member does not leave its group by itself. One that never came so far as to
        have a coordinator is no member."""
        coordinator = getattr(self._consumer, "_coordinator", None)
        if coordinator is not None:
            coordinator._group_instance_id = None

    def close(self) -> None:
        """Faust's version closes the coordinator from the wrong loop; stopping the thread closes it rightly."""


async def _drained(fetcher: Any, ready: Mapping[TP, int]) -> Mapping[TP, Any]:
    # With timeout 0 aiokafka takes what is buffered without giving way to anything else in this loop, so the positions
    # before and after belong to these records.
    return cast("Mapping[TP, Any]", await fetcher.fetched_records(set(ready), timeout=0))


class EngineConsumer(driver.Consumer):
    """Delivers one message for each (partition, fetch). Faust's acks, gaps and commits mean nothing here."""

    _thread: EngineThread

    def _new_consumer_thread(self) -> EngineThread:
        return EngineThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        engine = engine_of(self.app)
        try:
            while not (self.should_stop or fetcher.should_stop):
                wanted = engine.wanted() if self.flow_active else {}
                if not wanted:
                    await engine.wait_for_room(IDLE_WAIT)
                    continue
                fetches = await self._thread.fetch(wanted, IDLE_WAIT)
                for tp, fetch in fetches:
                    engine.coming(tp, fetch)
                for tp, fetch in await engine.horizon.behind(fetches):
                    batch = Batch(tp.partition, engine.tenure, fetch)
                    engine.handed(tp, batch)
                    await self.callback(self._message(tp, batch))
        except asyncio.CancelledError:
            if not engine.retired:
                raise
            # Faust's fetcher would take a cancellation during a rebalance for one that it must be restarted after.
        except BaseException as exc:
            engine.fatal(exc)
            raise

    def _message(self, tp: TP, batch: Batch) -> ConsumerMessage:
        fetch, value = batch.fetch, cast("bytes", batch)
        return ConsumerMessage(
            tp.topic, tp.partition, fetch.next - 1, fetch.fetched_at / 1000, 0, None, None, value, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def _new_offset(self, tp: TP) -> int | None:
        return None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        return None

    async def verify_all_partitions_active(self) -> None:
        """Faust would report changelogs, which nobody fetches here, and idle partitions as errors every few seconds."""

    async def perform_seek(self) -> None:
        """The group's offsets mean nothing: positions are the state's."""


class EngineTransport(driver.Transport):
    Consumer = EngineConsumer

"""One worker's process: a stand-in for streams/engine (tenures, take-over, lease) around the product's own pipelines,
sender and take-over. It keeps to the engine's rules line by line; its fetches are in simulation/consumer.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from events.topics import Role
from projections import keyspace
from simulation.lists import Lists
from simulation.points import Point
from simulation.scheduler import Killed, Process, Signal, Task, sleep, switch
from simulation.settings import Settings
from simulation.writer import Answers, Reader, Writer, ends
from streams import takeover
from streams.allowance import Ledger
from streams.gate import Gates, PartitionGate
from streams.lane import Lane
from streams.pipeline import INPUTS, Pipeline
from streams.sender import Sender
from streams.shares import ShareGate
from streams.sweeper import LOOK_EVERY, Sweeper
from streams.unsettled import Owned
from streams.view import StateView

if TYPE_CHECKING:
    from simulation.world import World

LEASE: Final = 5_000  # ms; this and the next three as in streams/engine/engine.py
DRAIN: Final = 8_000
TICK: Final = 250
SHORTEST: Final = 20
SLOW: Final = 20  # ms that a call of a slow account takes: here as many take less as take longer
SKEW: Final = 1_500  # ms, by which a worker's clock is before the world's at most
BOUNDED: Final = (Role.STATE, Role.JOURNAL, Role.KEYS, *INPUTS)


@dataclass(slots=True)
class Running:
    """A pipeline with what belongs to it."""

    pipeline: Pipeline
    wake: Signal
    task: Task | None = None
    stepping: bool = False


class Worker(Process):
    """See the module. A new process of the same name has its predecessor's disk and nothing else of it."""

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(name)
        self.world = world
        self.generation = -1
        self.tenure = 0
        self.suspended = True
        self.stopping = False
        self.beat_at = world.now
        self.skew = world.between(0, SKEW)  # no two machines have the same time
        self.running: dict[int, Running] = {}
        self.changed = world.signal()
        self.room = world.signal()
        self.settings = Settings(world.script)
        self.taking: Task | None = None
        self.consumer = world.variant.consumer(world, self)
        slots = world.between(1, 6)
        spare = (slots + 1) // 2
        self.ledger = Ledger(world.partitions, self.views, self.freed)
        self.gates = Gates(lambda: len(self.running) / world.partitions)
        self.sender = Sender(
            provider=world.variant.provider(world, self),
            answers=Answers(world, self),
            lease=self,
            clock=self,
            spawn=self.spawn,
            failed=self.fatal,
            freed=self.freed,
            lanes={
                Role.TRANSACTIONAL: Lane(slots, 1, spare, SLOW),
                Role.NEWSLETTER: Lane(slots, world.between(1, 5), spare, SLOW),
            },
            hearing=self.gates,
            several=lambda: True,  # so that the one account is put off for others that might come
        )
        owned = Owned(self.views, world.mac_key, self)
        self.sweeper = Sweeper(
            Lists(world, self), Answers(world, self), self, self.spawn, self.fatal, owned.unsettled, owned.overdue
        )
        for coroutine in (self.main(), self.beating(), self.consumer.run(), self.reading(), self.sweeping()):
            self.spawn(coroutine)

    def spawn(self, coroutine: Any) -> Task:
        return self.world.scheduler.spawn(self, coroutine)

    def now(self) -> int:
        """ports.Clock."""
        return self.world.now + self.skew

    def fatal(self, error: BaseException) -> None:
        """A fault of the machinery: this process ends here."""
        self.world.died(self, error)
        raise Killed

    @property
    def busy(self) -> bool:
        """A step or a call is under way."""
        stepping = any(running.stepping for running in self.running.values())
        return bool(self.sender.busy) or self.sweeper.busy or stepping

    # --- the group ------------------------------------------------------------------------------------------------

    async def main(self) -> None:
        """Join, take over, and again whenever the assignment changes."""
        group = self.world.group
        while not self.stopping:
            self.changed.clear()
            if group.members.get(self.name) is not self:
                group.join(self)
            self.generation = group.generation
            partitions = group.owned(self)
            await self.release()
            if self.generation == group.generation:
                self.taking = self.spawn(self.take_over(partitions))
            while not self.changed.up:
                await self.changed.wait(60_000)
            self.suspend()
        await self.release()
        group.leave(self)
        self.world.ended(self)

    async def beating(self) -> None:
        """Heartbeats; the time of the last one that was answered well is the lease's."""
        while True:
            asked = self.world.now
            await switch()
            if self.world.group.beat(self):
                self.beat_at = asked
            else:
                self.changed.set()
            await sleep(self.world.between(2_000, 3_000))

    def holds(self, partition: int, tenure: int) -> bool:
        """ports.Lease."""
        fresh = self.world.now - self.beat_at < LEASE
        return not self.suspended and tenure == self.tenure and partition in self.running and fresh

    def suspend(self) -> None:
        """No further fetch is taken, no further step begins, no further call is made."""
        self.suspended = True
        for running in self.running.values():
            running.pipeline.stopped = True
            running.wake.set()

    async def release(self) -> None:
        """Give up all partitions: finish the commit under way, let calls be answered."""
        self.suspend()
        taking, self.taking = self.taking, None
        if taking is not None and not taking.done:
            self.world.scheduler.cancel(taking)
        while any(running.task is not None and not running.task.done for running in self.running.values()):
            await sleep(5)
        deadline = self.world.now + DRAIN
        while self.sender.busy and self.world.now < deadline:
            await sleep(50)
        self.running.clear()
        self.consumer.outstanding.clear()

    # --- tenures --------------------------------------------------------------------------------------------------

    async def take_over(self, partitions: Sequence[int]) -> None:
        """Own these partitions from now on. See streams/takeover.py for why in this order."""
        self.tenure += 1
        writers = {partition: self.world.variant.writer(self.world, self, partition) for partition in partitions}
        await self.fence(list(writers.values()))
        await self.caught_up()
        bounds = {partition: self.bounds(partition) for partition in partitions}
        for partition, writer in writers.items():
            await self.recovered(partition, writer, bounds[partition])
        self.begin()

    async def fence(self, writers: Sequence[Writer]) -> None:
        for writer in writers:
            await writer.open()

    def bounds(self, partition: int) -> takeover.Bounds:
        first = {role: self.world.broker.line(role, partition).begin for role in BOUNDED}
        return {role: (first[role], end) for role, end in ends(self.world, BOUNDED, partition).items()}

    async def recovered(self, partition: int, writer: Writer, bounds: takeover.Bounds) -> None:
        """One partition's state and pipeline, ready to begin."""
        world = self.world
        end = bounds[Role.ANSWERS][1]
        world.taken.setdefault((self, partition), []).append((world.scheduler.steps, end))
        changelog = world.broker.line(Role.STATE, partition).id
        over = takeover.TakeOver(
            Reader(world, self), world.disks[self.name], keyspace.encode, keyspace.decode, 200, changelog
        )
        workflow = world.variant.workflow(
            partition,
            world.partitions,
            self.settings,
            world.mac_key,
            lambda: self.settings.version,
            gate=ShareGate(self.sender, PartitionGate(self.gates)),
            allowance=self.ledger.of(partition),
            keys=world.keys(),
        )
        store, view, recovered = await over.run(partition, bounds, workflow, writer, self.now())
        point: Point = "after rebuild" if recovered.facts else "after recovery"
        await world.point(self, point)
        pipeline = world.variant.pipeline(
            partition, self.tenure, workflow, writer, store, view, self, self.sender, switch, limits=world.limits,
            topic_ids={role.value: f"{role.value}-1" for role in INPUTS},
            heads=partial(self.consumer.ahead, partition),
        )  # fmt: skip
        takeover.begin(pipeline, bounds)
        self.running[partition] = Running(pipeline, world.signal())

    def begin(self) -> None:
        self.world.tell(f"{self.name} has taken over {list(self.running) or 'nothing'}, tenure {self.tenure}")
        self.suspended = False
        for running in self.running.values():
            running.task = self.spawn(self.run(running))
        self.room.set()

    async def run(self, running: Running) -> None:
        """Step a pipeline whenever something may have changed for it."""
        pipeline, wake = running.pipeline, running.wake
        while not pipeline.stopped:
            wake.clear()
            running.stepping = True
            while await pipeline.step():
                self.room.set()
                await switch()
            running.stepping = False
            due = pipeline.next_wake()
            waits = TICK if not pipeline.idle else 15_000
            if due is not None:
                waits = min(waits, max(SHORTEST, due - self.now()))
            await wake.wait(waits)
            await sleep(self.world.between(0, 20))

    def freed(self) -> None:
        self.room.set()
        for running in self.running.values():
            running.wake.set()

    def views(self) -> dict[int, StateView]:
        """The states of the partitions that it owns."""
        return {partition: running.pipeline.view for partition, running in self.running.items()}

    async def sweeping(self) -> None:
        """Look for what nobody knows the outcome of."""
        while True:
            await sleep(LOOK_EVERY)
            self.sweeper.look()

    # --- settings -------------------------------------------------------------------------------------------------

    async def reading(self) -> None:
        """recado.accounts, some time after it was written."""
        world = self.world
        while True:
            await sleep(world.between(100, 3_000))
            if self.settings.version < world.settings_end():
                self.settings.advance()
                self.freed()

    async def caught_up(self) -> None:
        end = self.world.settings_end()
        while self.settings.version < end:
            self.settings.advance()
            await switch()

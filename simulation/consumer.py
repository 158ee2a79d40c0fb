"""The consumer of one worker: fetches, and what may become of them. A stand-in for streams/engine/consumer.py and
horizon.py, and for the part of engine.py that takes what they bring.
"""

from typing import TYPE_CHECKING, NamedTuple

from connectors.ports import BEFORE, Fetch
from events.topics import Role
from simulation.scheduler import sleep, switch
from simulation.writer import heads
from streams.pipeline import BEFORE_TIMERS

if TYPE_CHECKING:
    from simulation.broker import Line
    from simulation.worker import Worker
    from simulation.world import World


class Batch(NamedTuple):
    """A fetch on its way, and the tenure it was made in."""

    partition: int
    tenure: int
    fetch: Fetch


class Consumer:
    """`outstanding` are the batches that were handed on and have not arrived."""

    def __init__(self, world: "World", worker: "Worker") -> None:
        self.outstanding: dict[tuple[int, Role], Batch] = {}
        self._world = world
        self._worker = worker

    def wanted(self) -> list[tuple[int, Role, int]]:
        if self._worker.suspended:
            return []
        outstanding = self.outstanding
        return [
            (partition, role, position)
            for partition, running in self._worker.running.items()
            for role, position in running.pipeline.wanted().items()
            if (partition, role) not in outstanding
        ]

    async def run(self) -> None:
        """As streams/engine/consumer.py: each fetch from the position that the state expects; what is lost on its way
        is therefore fetched again."""
        world, lines = self._world, self._world.broker.line
        while True:
            self._worker.room.clear()
            got = False
            wanted = self.wanted()
            world.shuffle(wanted)
            for partition, role, position in wanted:
                line = lines(role, partition)
                if self.readable(line) > position:
                    got = True
                    await self.fetch(line, position)
            if not got:
                await self._worker.room.wait(2_000)
            await sleep(world.between(0, 8))

    def heads(self, role: Role, partition: int) -> dict[Role, int]:
        """What bounds a fetch of this topic."""
        return heads(self._world, BEFORE[role], partition)

    async def ahead(self, partition: int) -> dict[Role, int]:
        """What bounds the timers that are due."""
        await switch()
        return heads(self._world, (*BEFORE_TIMERS, Role.ACCOUNTS), partition)

    def readable(self, line: "Line") -> int:
        return line.stable

    async def fetch(self, line: "Line", start: int) -> None:
        """One fetch, and what may become of it."""
        world, role, partition, tenure = self._world, line.role, line.partition, self._worker.tenure
        limit = world.choice((1, 3, 10, 50))
        records, after = line.read(start, limit, self.readable(line))
        if world.faulty(0.04):
            world.struck("fetch lost")
            return
        if world.faulty(0.03):
            world.struck("fetch behind a gap")
            start = after
            records, after = line.read(start, limit, self.readable(line))
        before: dict[Role, int] = {}
        now = self._worker.now()
        if role in BEFORE and records:
            await switch()
            before = self.heads(role, partition)
        if self._worker.suspended or tenure != self._worker.tenure:
            return
        batch = Batch(partition, tenure, Fetch(role, start, after, records, before, now))
        self.outstanding[partition, role] = batch
        if world.faulty(0.04):
            world.struck("fetch repeated")
            self._worker.spawn(self.later(batch))
        if world.faulty(0.12):
            world.struck("fetch delayed")
            self._worker.spawn(self.later(batch))
        else:
            self.accept(batch)

    async def later(self, batch: Batch) -> None:
        await sleep(self._world.between(1, 400 if self._world.chance(0.8) else 15_000))
        self.accept(batch)

    def accept(self, batch: Batch) -> None:
        """A batch has arrived. One of an earlier tenure, or one that does not continue, is dropped."""
        at = (batch.partition, batch.fetch.role)
        if self.outstanding.get(at) is batch:
            del self.outstanding[at]
        running = self._worker.running.get(batch.partition)
        current = batch.tenure == self._worker.tenure
        if running is not None and not current and self._world.faulty(0.5):
            self._world.struck("fetch of an earlier tenure")
            current = True  # what the tenure would have kept out, the position must
        if running is not None and current and running.pipeline.accept(batch.fetch):
            running.wake.set()
        self._worker.room.set()

"""The consumer group: who is a member, who owns which partition, and who was not heard of for too long.

More unkind than Kafka's: a new owner may begin before the former one has heard of it.
"""

from typing import TYPE_CHECKING, Final

from simulation.scheduler import sleep

if TYPE_CHECKING:
    from simulation.worker import Worker
    from simulation.world import World

SESSION: Final = 10_000  # ms without a heartbeat after which a member is put out
BEAT: Final = 3_000


class Group:
    """One assignment is one generation. Members are known by their names and keep their place over a restart."""

    def __init__(self, world: "World") -> None:
        self.generation = 0
        self.members: dict[str, Worker] = {}
        self.owners: dict[int, str] = {}
        self._seen: dict[str, int] = {}
        self._world = world

    def join(self, worker: "Worker") -> None:
        """Become a member, or the same member again in a new process: then often nothing changes for the others."""
        known = worker.name in self.members
        self.members[worker.name] = worker
        self._seen[worker.name] = self._world.now
        if not known or self._world.chance(0.3):
            self.rebalance()

    def leave(self, worker: "Worker") -> None:
        """A planned stop says so."""
        if self.members.get(worker.name) is worker:
            del self.members[worker.name]
            self.rebalance()

    def owned(self, worker: "Worker") -> list[int]:
        return [partition for partition, name in sorted(self.owners.items()) if name == worker.name]

    def beat(self, worker: "Worker") -> bool:
        """A heartbeat; False tells the worker that its assignment is no more."""
        if self.members.get(worker.name) is not worker:
            return False
        self._seen[worker.name] = self._world.now
        return worker.generation == self.generation

    def rebalance(self) -> None:
        """Assign all partitions anew. Members hear of it at once, or by their next heartbeat."""
        world = self._world
        self.generation += 1
        names = sorted(self.members)
        self.owners = {partition: world.choice(names) for partition in range(world.partitions)} if names else {}
        for name in names:
            if world.chance(0.7):
                world.outside(self._tell(self.members[name]))

    def rotate(self) -> None:
        """Give every partition to another member."""
        names = sorted(self.members)
        self.owners = {at: names[(names.index(name) + 1) % len(names)] for at, name in self.owners.items()}
        self.generation += 1

    async def _tell(self, worker: "Worker") -> None:
        await sleep(self._world.between(0, 500))
        if worker.alive and not worker.frozen:
            worker.changed.set()

    def expire(self) -> None:
        """Put out who was not heard of for a session."""
        late = [name for name, at in self._seen.items() if name in self.members and self._world.now - at > SESSION]
        for name in late:
            del self.members[name]
        if late:
            self.rebalance()

    def forgive(self, now: int) -> None:
        """The clock was moved on while nothing happened: heartbeats went on meanwhile."""
        for name, worker in self.members.items():
            self._seen[name] = worker.beat_at = now

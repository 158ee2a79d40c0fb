"""One simulated world: everything that a seed drives, from the first record to quiet, and what is left then."""

from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any, Final, TypeVar

from chaos.feed import Item
from connectors.ports import Fenced, MachineryFault
from events.topics import Role
from projections.send import Call
from simulation import faults, outside
from simulation.broker import Broker
from simulation.disk import Disk
from simulation.faults import Struck
from simulation.group import Group
from simulation.keys import Drawn
from simulation.points import Point
from simulation.provider import Ledger, Quota
from simulation.scheduler import Killed, Process, Scheduler, Signal, sleep
from simulation.settings import FIRST, OPEN, SEALED, START
from simulation.variant import PRODUCT, Variant
from simulation.worker import Worker
from streams.intake import Limits

MAC_KEY: Final = b"simulation" * 3
PARTITIONS: Final = 2

DRILLED: Final = 5
YIELDS: Final = 0.5  # how often a worker that passes a point gives way there

T = TypeVar("T")


class Injected(MachineryFault):
    """A fault of the machinery that the plan ordered: the worker must stop, and nothing may be lost."""


class World:
    """`trace`, if given, is told what happens, a line at a time."""

    def __init__(self, seed: int, variant: Variant = PRODUCT, trace: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.drilled = seed % DRILLED == 0  # at the end the changelog is lost
        self.script = SEALED if seed % 4 == 1 else OPEN
        self.variant = variant
        self.random = random = Random(seed)
        self.scheduler = Scheduler(random, START)
        self.scheduler.failed = self.died
        self.partitions = PARTITIONS
        self.mac_key = MAC_KEY
        self.broker = Broker(PARTITIONS, lambda: self.scheduler.steps, self.signal)
        self.broker.show = lambda transaction: outside.show(self, transaction)
        self.broker.told = self._told
        self.broker.fencing = variant.fencing
        self.group = Group(self)
        self.ledger = Ledger()
        self.quota = Quota(random.choice((None, None, 3, 20)), random.choice((False, False, True)))
        self.struck_at = Struck()
        self.plan = faults.plan(random, START)
        self.unkind = True
        self.limits = Limits(batch=random.choice((3, 12, 100)), inbox=random.choice((4, 40)), patience=2_000)
        self.disks: dict[str, Disk] = {}
        self.workers: list[Worker] = []
        self.published: list[Item] = []
        self.before: dict[tuple[Role, int, int], tuple[int, ...]] = {}  # what lay before a send when it was written
        # By whom a partition was taken over: at which step, and where its answers ended then.
        self.taken: dict[tuple[Process, int], list[tuple[int, int]]] = {}
        self.told_all = False  # strangers have published all that they will
        self.attempted: dict[bytes, Call] = {}  # what a mutant may look up (simulation/mutants.py)
        self.violations: list[str] = []
        self.pending = 0  # things of the world outside that are still to happen
        self.tracing = trace is not None
        self._trace = trace
        self._random = random.random
        for message in self.script.messages[:FIRST]:
            self.broker.publish(Role.ACCOUNTS, 0, message, START)
        for number in range(random.choice((2, 2, 3))):
            self.start(f"worker-{number}")
        for happening in outside.HAPPENINGS:
            self.outside(happening(self))
        self.scheduler.spawn(self.scheduler.outside, outside.keep(self))

    def keys(self) -> Drawn:
        """What a worker, or who judges it, makes and opens contacts' keys with."""
        return Drawn(self.seed)

    # --- chance, time, and what is told ---------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.scheduler.now

    def signal(self) -> Signal:
        return Signal(self.scheduler)

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def faulty(self, probability: float) -> bool:
        """Does a light fault happen here?"""
        return self.unkind and self._random() < probability

    def between(self, low: int, high: int) -> int:
        return low + int(self._random() * (high - low + 1))

    def choice(self, of: Sequence[T]) -> T:
        return of[int(self._random() * len(of))]

    def shuffle(self, items: list[Any]) -> None:
        if len(items) > 1:
            for last in range(len(items) - 1, 0, -1):
                other = int(self._random() * (last + 1))
                items[last], items[other] = items[other], items[last]

    def struck(self, kind: str) -> None:
        """A fault happened."""
        self.struck_at.kinds[kind] += 1
        if self._trace is not None:
            self.tell(kind)

    def tell(self, line: str) -> None:
        if self._trace is not None:
            self._trace(f"{self.now - START:>9} {self.scheduler.steps:>6}  {line}")

    # --- processes ------------------------------------------------------------------------------------------------

    def outside(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Something in the world beside the workers, to be waited for at the end."""
        self.pending += 1
        self.scheduler.spawn(self.scheduler.outside, self._counted(coroutine))

    async def _counted(self, coroutine: Coroutine[Any, Any, None]) -> None:
        await coroutine
        self.pending -= 1

    def start(self, name: str) -> None:
        """A new process for a worker's name, on the disk of the last one."""
        disk = self.disks.setdefault(name, Disk(self))
        worker = self.variant.worker(self, name)
        disk.process = worker
        self.workers = [other for other in self.workers if other.name != name]
        self.workers.append(worker)
        self.tell(f"{name} starts")

    def kill(self, worker: Process) -> None:
        """As SIGKILL, or the machine's power; it is started again later, its disk not always as it was."""
        if worker.alive:
            worker.alive = False
            self.outside(self._again(worker.name))

    async def _again(self, name: str) -> None:
        await sleep(self.between(100, 6_000))
        if self.faulty(0.15):
            self.struck("local state lost")
            self.disks[name] = Disk(self)
        elif self.faulty(0.15) and self.disks[name].backups:
            self.struck("local state kept behind")
            disk = self.disks[name]
            disk.copies = {partition: copy.copied() for partition, copy in disk.backups.items()}
        self.start(name)

    def ended(self, worker: Process) -> None:
        """A planned stop is over."""
        worker.alive = False
        self.outside(self._again(worker.name))

    def freeze(self, worker: Process, ms: int) -> None:
        if worker.alive and not worker.frozen:
            worker.frozen = True
            self.outside(self._thaw(worker, ms))

    async def _thaw(self, worker: Process, ms: int) -> None:
        await sleep(ms)
        if worker.frozen:
            self.tell(f"{worker.name} wakes")
            self.scheduler.thaw(worker)

    def died(self, process: Process, error: BaseException) -> None:
        """A process ends by an error of its own. Only faults that were ordered may be the cause."""
        told = error.__cause__ if isinstance(error.__cause__, MachineryFault) else error
        self.tell(f"{process.name} stops: {told!r}")
        if isinstance(told, Fenced):
            self.struck("fenced")
        elif not isinstance(told, Injected):
            kind = "machinery" if isinstance(told, MachineryFault) else "bug"
            self.violations.append(f"{kind}: a worker stopped without a fault: {told!r} at {_where(told)}")
            if process is self.scheduler.outside:
                raise error
        self.kill(process)

    def _told(self, partition: int) -> None:
        """A partition may have more to read: who has it asks."""
        for worker in self.workers:
            if partition in worker.running:
                worker.room.set()

    @property
    def inputs(self) -> int:
        """Records of the inbound topics that strangers, the provider and the senders wrote."""
        return len(self.published) + self.ledger.callbacks + self.ledger.answers

    def settings_end(self) -> int:
        return self.broker.line(Role.ACCOUNTS, 0).stable

    # --- points ---------------------------------------------------------------------------------------------------

    async def point(self, process: Process, name: Point) -> None:
        """A worker passes a named place: let others run (or not yet), and be struck if it was planned."""
        self._spring(process, name)
        if process.frozen or self._random() < YIELDS:
            await sleep(0)

    def sudden(self, process: Process, name: Point) -> None:
        """The same inside a call of the disk."""
        self._spring(process, name)

    def _spring(self, process: Process, name: Point) -> None:
        struck = self.struck_at
        struck.passed[name] += 1
        traps = self.plan.traps.get(name)
        if not traps or traps[-1].at > self.now:
            return
        trap = traps.pop()
        struck.blows[trap.blow][name] += 1
        self.struck(f"{trap.blow} at a point")
        self.tell(f"{process.name}: {trap.blow} {name}")
        if trap.blow == "freeze":
            self.freeze(process, trap.ms)
            return
        if trap.blow == "fault":
            raise Injected(f"ordered {name}")
        self.kill(process)
        raise Killed


def _where(error: BaseException) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"

"""One seed from beginning to end: faults, then quiet, then all that time alone brings, then the judge."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from chaos.evidence import Evidence, Landed
from connectors.ports import Message
from events.topics import Role
from projections.account import Directory
from simulation import checker, faults
from simulation.broker import records
from simulation.faults import HORIZON, Blow
from simulation.settings import START, Script
from simulation.variant import PRODUCT, Variant
from simulation.world import World
from streams.pipeline import INPUTS

STEPS: Final = 60_000  # more than any phase of a sound run takes
WINDOW: Final = 600_000  # ms: timers that are due within it fire together
_DAY: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed came to. `inputs` counts the records of all inbound topics; `digest` is the run's."""

    seed: int
    violations: tuple[str, ...]
    inputs: int
    steps: int
    digest: str
    faults: Counter[str]
    passed: Mapping[str, int]
    blows: Mapping[Blow, Counter[str]]


def run(seed: int, variant: Variant = PRODUCT, trace: Callable[[str], None] | None = None) -> Outcome:
    """Run a seed to its end and judge it. Raises nothing for what the product does wrong: that is a violation."""
    with variant.patch():
        world = World(seed, variant, trace)
        try:
            violations = _judged(world)
        finally:
            world.scheduler.end()
    struck = world.struck_at
    digest = f"{world.scheduler.digest:015x}"
    return Outcome(
        seed, tuple(violations), world.inputs, world.scheduler.steps, digest, struck.kinds, struck.passed, struck.blows
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """One mutant: how many seeds it took to catch it, None if they were not enough, and by which violation."""

    name: str
    seeds: int | None
    violation: str


def tried(variant: Variant, first: int, seeds: int) -> Trial:
    """Seed after seed until the mutant is caught. One that breaks down by itself was not: its mistake is another."""
    for number in range(seeds):
        violations = run(first + number, variant).violations
        if broken := [violation for violation in violations if violation.startswith("bug")]:
            return Trial(variant.name, None, broken[0])
        if violations:
            return Trial(variant.name, number + 1, violations[0])
    return Trial(variant.name, None, "")


def _judged(world: World) -> list[str]:
    scheduler = world.scheduler
    scheduler.run(lambda: world.told_all and world.now > START + HORIZON + 2_000, STEPS)
    heal(world)
    stuck = next((phase for phase in (settle, wait_out, hand_over) if not phase(world)), None)
    evidence = gather(world)
    found = list(world.violations)
    try:
        found += checker.check(world, evidence)
    except Exception as error:  # noqa: BLE001 - the judge's own mistake, or a log that nobody can read
        found.append(f"bug: the judge failed: {error!r}")
    if stuck is not None:
        found.append(f"stuck: in {stuck.__name__}: {_unsettled(world)}")
    return rebuild_drill(world, evidence) if world.drilled and not found else found


def heal(world: World) -> None:
    """From here on nothing goes wrong any more: what must come right, comes right."""
    world.tell("no further faults")
    world.unkind = False
    world.plan.traps.clear()
    for worker in world.workers:
        if worker.frozen:
            world.scheduler.thaw(worker)


def settle(world: World) -> bool:
    """Until nothing is left to do but by time."""
    return world.scheduler.run(lambda: quiet(world), STEPS)


def wait_out(world: World) -> bool:
    """Until no timer is left: three days, for what nobody knows."""
    for _ in range(200):
        wakes = [at for worker in world.workers for r in worker.running.values() if (at := r.pipeline.next_wake())]
        if not wakes:
            return True
        jump(world, min(wakes) + WINDOW)
        if not settle(world):
            return False
    return False


def jump(world: World, to: int) -> None:
    """Time passes in which nothing happens but heartbeats."""
    world.tell("time passes")
    world.scheduler.now = max(to, world.now)
    world.group.forgive(world.now)


def hand_over(world: World) -> bool:
    """Every partition to another worker, with whatever its disk holds of it by now, behind a compacted changelog."""
    for partition in range(world.partitions):
        world.broker.line(Role.STATE, partition).compact(world.now - _DAY)
    for worker in list(world.workers):
        world.kill(worker)
    world.group.rotate()
    return settle(world)


def rebuild_drill(world: World, evidence: Evidence) -> list[str]:
    """The changelog is gone, the local copies are of no use: the journal alone must bring everything back, and so well
    that all inputs, when they come once more, change nothing."""
    before = {partition: checker.live(world, partition) for partition in range(world.partitions)}
    calls, facts = len(world.ledger.calls), len(evidence.of(Role.JOURNAL))
    world.tell("the changelog is lost")
    world.plan.traps = faults.rebuild_trap(world.random)
    for worker in list(world.workers):
        world.kill(worker)
    for partition in range(world.partitions):
        world.broker.line(Role.STATE, partition).recreate()
    if not settle(world) or not echo(world):
        return [*world.violations, f"stuck: after the changelog was lost: {_unsettled(world)}"]
    found = list(world.violations)
    if len(world.ledger.calls) != calls:
        found.append("rebuild: the provider was called")
    if len(records(world.broker, Role.JOURNAL)) != facts:
        found.append("rebuild: the journal has other facts than before")
    for partition, state in before.items():
        found += checker.differences(partition, state, checker.live(world, partition))
    return found


def echo(world: World) -> bool:
    """Every input comes once more, but for those that the engine writes in its own transactions."""
    for role in INPUTS:
        if role is Role.NUMBERS:
            continue
        for partition in range(world.partitions):
            for entry in world.broker.line(role, partition).committed():
                message = Message(entry.key, entry.value, entry.headers)
                world.broker.publish(role, partition, message, world.now)
    return settle(world)


def quiet(world: World) -> bool:
    """Everything was read, decided, answered, shown, and every partition has the owner that the group says."""
    generation = world.group.generation
    if world.pending or not world.broker.settled:
        return False
    if any(worker.busy or worker.generation != generation for worker in world.workers):
        return False
    for partition in range(world.partitions):
        owner = checker.owner(world, partition)
        if owner is None or owner.suspended or owner.settings.version < world.settings_end():
            return False
        pipeline = owner.running[partition].pipeline
        due = pipeline.next_wake()
        if due is not None and due <= owner.now():
            return False
        if world.disks[owner.name].copies[partition].held.get(b"o/"):
            return False
        if any(pipeline.positions[role] < world.broker.line(role, partition).stable for role in INPUTS):
            return False
    return True


def _unsettled(world: World) -> str:
    """What is still missing to quiet, for a person."""
    owners = [checker.owner(world, partition) for partition in range(world.partitions)]
    names = [owner.name if owner is not None else "nobody" for owner in owners]
    return f"{world.pending} things outside, transactions {world.broker.settled}, owners {names}"


@dataclass(frozen=True, kw_only=True)
class _Evidence(Evidence):
    """Evidence whose settings were read before, once for all seeds."""

    script: Script

    def directory(self, version: int | None = None) -> Directory:
        return self.script.at(len(self.script.messages) if version is None else version)


def gather(world: World) -> Evidence:
    """What strangers can see."""
    return _Evidence(
        {
            role: [
                Landed(role, at, e.offset, e.key, e.value, tuple(e.headers), e.timestamp)
                for at, e in records(world.broker, role)
            ]
            for role in Role
        },
        world.ledger.accepted,
        world.partitions,
        world.mac_key,
        keys=world.keys(),
        script=world.script,
    )

"""What happens in the world beside the workers: strangers publish, settings change, faults strike, time-outs expire."""

from typing import TYPE_CHECKING, Final

from chaos.feed import Feed, Item
from connectors.ports import Message
from events.partition import partition_of
from events.topics import Role
from simulation.broker import READ, Transaction
from simulation.lists import settle
from simulation.provider import ingress
from simulation.scheduler import sleep
from simulation.settings import FIRST, START
from simulation.worker import Worker
from streams.intake import SENDS

if TYPE_CHECKING:
    from simulation.world import World

CONTACTS: Final = 14
WAVES: Final = 6
WAVE: Final = 10  # records at least
INPUTS: Final = 102  # records of all inbound topics, at least; what is moved counts once
_PHONES: Final = tuple(
    form.format(number) for number in range(10, 34) for form in ("6123456{}", "+34 612 34 56 {}", "0034-6123456{}")
)
BARRIER: Final = (Role.CONTACTS, Role.CALLBACKS)


class _Neighbours(Feed):
    """A feed whose contacts share some numbers, so that one's opt-out is another's."""

    def _phone(self) -> str:
        return self._random.choice(_PHONES)


async def publish(world: "World") -> None:
    """Contacts and sends, in bursts and with pauses, until there are enough."""
    feed = _Neighbours(world.seed, CONTACTS, world.partitions, START - 60_000)
    for wave in range(WAVES):
        campaign: list[Item] | None = [] if world.chance(0.5) else None  # a wave's newsletters, all at its end
        for item in feed.wave(wave, WAVE + world.between(0, 3)):
            if campaign is not None and item.role is Role.NEWSLETTER:
                campaign.append(item)
            else:
                await _publish(world, item)
        for item in campaign or ():
            _land(world, item)
    while world.inputs < INPUTS:
        for item in feed.wave(WAVES - 1, 1):
            await _publish(world, item)
    world.told_all = True


async def _publish(world: "World", item: Item) -> None:
    """One record; now and then with it a callback that nobody asked for."""
    if item.role is Role.ACCOUNTS:  # has its own writer here: `configure`
        return
    chance = world.between(0, 99)
    await sleep(0 if chance < 60 else world.between(1, 200) if chance < 90 else world.between(1, 2_000))
    offset = _land(world, item)
    if chance == 99:
        ingress(world, "chaos", {"id": f"sms-x{offset}", "clientId": "none-of-ours", "status": "delivered"})


def _land(world: "World", item: Item) -> int:
    """The record's offset. Of a send it is kept what lay before it."""
    line, partition = world.broker.line, item.partition
    if partition is None:
        partition = partition_of(item.key or b"", world.partitions)
    offset = world.broker.publish(item.role, partition, Message(item.key, item.value), world.now)
    world.published.append(item)
    if item.role in SENDS:
        world.before[item.role, partition, offset] = tuple(len(line(role, partition).entries) for role in BARRIER)
    return offset


async def configure(world: "World") -> None:
    """The later records of recado.accounts."""
    for message in world.script.messages[FIRST:]:
        await sleep(world.between(1_000, 8_000))
        world.broker.publish(Role.ACCOUNTS, 0, message, world.now)


async def strike(world: "World") -> None:
    """The deeds of the plan, each at its time."""
    for at, deed, ms in world.plan.deeds:
        await sleep(max(0, at - world.now))
        awake = [worker for worker in world.workers if worker.alive and not worker.frozen]
        if not awake:
            continue
        victim = world.choice(awake)
        if deed == "kill a worker":
            world.kill(victim)
        elif deed == "freeze a worker":
            world.freeze(victim, ms)
        elif deed == "rebalance":
            world.group.rebalance()
        elif deed == "planned stop":
            stop(victim)
        elif deed == "all killed":
            for worker in awake:
                world.kill(worker)
        elif len(world.disks) < 4:
            world.start(f"worker-{len(world.disks)}")
        else:
            continue
        world.struck(deed)


def stop(worker: Worker) -> None:
    """SIGTERM."""
    worker.stopping = True
    worker.changed.set()


async def keep(world: "World") -> None:
    """The broker's and the group's time-outs; backups of disks; compaction."""
    while True:
        await sleep(1_000)
        world.group.expire()
        if world.broker.expire(world.now):
            world.struck("transaction timed out")
        if world.chance(0.1):
            world.choice(list(world.disks.values())).back_up()
        if world.faulty(0.05):
            world.struck("changelog compacted")
            for partition in range(world.partitions):
                world.broker.line(Role.STATE, partition).compact(world.now - 86_400_000)


def show(world: "World", transaction: Transaction) -> None:
    """Markers reach their partitions at once, or one by one, some time after the decision: more often and longer where
    a record was moved, as there others write behind it meanwhile."""
    if world.faulty(0.6 if any(line.role in READ for line in transaction.lines) else 0.2):
        world.struck("markers delayed")
        world.outside(_show(world, transaction))
    else:
        world.broker.mark_all(transaction)


async def _show(world: "World", transaction: Transaction) -> None:
    lines = list(transaction.lines)
    world.shuffle(lines)
    for line in lines:
        await sleep(
            world.between(0, 40) if world.chance(0.4 if line.role in READ else 0.9) else world.between(1, 5_000)
        )
        world.broker.mark(transaction, line)


HAPPENINGS: Final = (publish, configure, strike, settle)

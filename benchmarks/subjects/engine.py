"""Recado's engine, exactly once, in one process: the light fold, or with kind=real the product's own workflow.

Tells `committed` (contact updates, of durable commits), and of a take-over `records` of the changelog, `facts` folded
again, `seconds` from the assignment of its partitions to the first step, and then `recovered`, how many partitions.
"""

import asyncio
import os
from collections.abc import Sequence
from time import monotonic
from typing import Any

from benchmarks import light
from benchmarks.subjects.command import Command, tell
from connectors.clock import SystemClock
from connectors.ports import Record
from events.account import AccountConfigured
from events.contact import FieldsChanged
from events.envelope import Input
from events.fact import Fact
from events.topics import Role
from projections import keyspace
from projections.account import Directory
from projections.send import Call
from streams import interpreter
from streams.engine.application import Membership, build_app
from streams.engine.engine import Engine
from streams.engine.wiring import Wiring
from streams.takeover import Foldable
from streams.view import StateView
from streams.workflow import SendingWorkflow

TELL_EVERY = 0.1  # seconds


class Idle:
    """Settings that are known, slots that are free, and no provider: only contacts are folded here."""

    version = 0
    unreadable: Sequence[Record] = ()

    async def caught_up(self) -> None:
        return None

    def free(self, role: Role) -> int:
        return 64

    def reserve(self, call: Call) -> None:
        raise RuntimeError("contact updates send nothing")

    def start(self, calls: Sequence[Call], tenure: int) -> None:
        raise RuntimeError("contact updates send nothing")


class Committed:
    """Counts contact updates by their facts: each of the load leaves exactly one that changes fields."""

    count = 0

    def __call__(self, facts: Sequence[Fact]) -> None:
        self.count += sum(type(fact.data) is FieldsChanged for fact in facts)


class Timed(Engine):
    """Takes the time of a take-over as Faust's is taken: from the assignment, not from the fence."""

    timed = 0  # the tenure whose take-over lasted so many seconds
    seconds = 0.0

    async def take_over(self, partitions: Sequence[int], released: int) -> bool:
        began = monotonic()
        taken = await super().take_over(partitions, released)
        self.timed, self.seconds = self.tenure, monotonic() - began
        return taken


class Refolded(SendingWorkflow):
    """The product's workflow, which counts the facts that a rebuild folds, over all partitions."""

    facts = 0

    def fold(self, fact: Any, view: StateView, at: int) -> None:
        Refolded.facts += 1
        super().fold(fact, view, at)


def directory() -> Directory:
    """The one account of the load."""
    accounts = Directory()
    configured = Input.of(AccountConfigured(country="ES"), id="a", source="/bench", subject="acme", time=0)
    accounts.evolve(configured, 0)
    return accounts


def workflow_of(kind: str, partition: int, partitions: int) -> Foldable:
    """The `light` fold, or the product's workflow."""
    if kind == "light":
        return light.LightFold()
    return Refolded(partition, partitions, directory(), b"k" * 32, lambda: 1)


def wiring(command: Command, counted: Committed) -> Wiring:
    """An engine over one input topic."""
    kind, target = command.settings.get("kind", "light"), command.target
    topics: dict[Role, str] = {role: f"{command.source}.{role.value}" for role in Role} | {
        Role.CONTACTS: command.source, Role.JOURNAL: target,
        Role.STATE: command.settings.get("state", f"{target}-state"),
    }  # fmt: skip
    del topics[Role.KEYS]  # which nobody made: no account of the load is sealed
    idle = Idle()
    return Wiring(
        topics=topics, topic_ids={}, client={"bootstrap_servers": command.bootstrap}, transactional_prefix=target,
        workflow=lambda partition: workflow_of(kind, partition, command.partitions),
        encode=light.encode if kind == "light" else keyspace.encode,
        decode=light.decode if kind == "light" else keyspace.decode,
        lanes=idle, busy=lambda: 0, clock=SystemClock(), settings=idle, inputs=(Role.CONTACTS,), on_facts=counted,
    )  # fmt: skip


async def run(command: Command) -> None:
    """Fold until killed."""
    counted = Committed()
    engine = Timed(wiring(command, counted), lambda exc: os._exit(70))
    await engine.open()
    group, worker = command.settings.get("group", command.target), command.settings.get("worker", "bench")
    app = build_app(engine, Membership(group, worker, command.bootstrap, command.data, command.partitions))
    await app.start()
    told = 0
    while True:
        await asyncio.sleep(TELL_EVERY)
        if engine.recovered and told != engine.timed and not engine.suspended:
            told = engine.timed
            tell("records", sum(records for records, _ in engine.recovered.values()))
            tell("facts", Refolded.facts)
            tell("seconds", engine.seconds)
            tell("recovered", len(engine.running))
        tell("committed", counted.count)


if __name__ == "__main__":
    interpreter.settle()  # as a worker does
    asyncio.run(run(Command.read()))

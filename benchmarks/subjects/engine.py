"""Recado's engine, exactly once, in one process: the light fold, or with `real` the product's own workflow."""

import asyncio
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import light
from connectors.clock import SystemClock
from connectors.kafka.admin import topic_ids  # noqa: F401 - the same start-up cost as a worker
from events.account import AccountConfigured
from events.envelope import Input
from events.topics import Role
from projections import keyspace
from projections.account import Directory
from streams import memory
from streams.engine.application import Membership, build_app
from streams.engine.engine import Engine, Wiring
from streams.pipeline import Limits
from streams.workflow import SendingWorkflow


class Idle:
    """Settings that are known, slots that are free, and no provider: only contacts are folded here."""

    version = 0
    unreadable: Sequence[Any] = ()

    async def caught_up(self) -> None:
        return None

    def free(self, role: Role) -> int:
        return 64

    def reserve(self, call: object) -> None:
        raise RuntimeError("contact updates send nothing")

    def start(self, call: object, tenure: int) -> None:
        raise RuntimeError("contact updates send nothing")


def wiring(bootstrap: str, source: str, target: str, partitions: int, kind: str) -> Wiring:
    """An engine over one input topic."""
    topics = {role: f"{source}.{role.value}" for role in Role} | {
        Role.CONTACTS: source, Role.JOURNAL: target, Role.STATE: f"{target}-state",
    }  # fmt: skip
    directory = Directory()
    directory.evolve(
        Input.of(AccountConfigured(country="ES"), id="a", source="/bench", subject="acme", time=0), 0
    )
    idle = Idle()

    def workflow(partition: int) -> Any:
        if kind == "light":
            return light.LightFold()
        return SendingWorkflow(partition, partitions, directory, b"k" * 32, lambda: 1)

    return Wiring(
        topics=topics, topic_ids={}, client={"bootstrap_servers": bootstrap}, transactional_prefix=target,
        workflow=workflow, encode=light.encode if kind == "light" else keyspace.encode,
        decode=light.decode if kind == "light" else keyspace.decode, lanes=idle, busy=lambda: 0, clock=SystemClock(),
        settings=idle, inputs=(Role.CONTACTS,), limits=Limits(),
    )  # fmt: skip


async def run(bootstrap: str, source: str, target: str, partitions: int, kind: str) -> None:
    """Fold until killed."""
    memory.settle()
    engine = Engine(wiring(bootstrap, source, target, partitions, kind), lambda exc: os._exit(70))
    await engine.open()
    with tempfile.TemporaryDirectory() as data:
        app = build_app(engine, Membership(target, "bench", bootstrap, Path(data), partitions))
        await app.start()
        while True:
            await asyncio.sleep(1)
            usage = resource.getrusage(resource.RUSAGE_SELF)
            done = sum(sum(running.pipeline.positions.values()) for running in engine.running.values())
            line = f"{done} {usage.ru_utime + usage.ru_stime:.2f} {usage.ru_maxrss}"
            print(line, flush=True)  # noqa: T201 - read by the row: records, CPU seconds, KiB


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]))

"""A partition's pipeline in one process, without a broker: for what a step costs, and for what history costs.

The store is RocksDB; the log lays out its batches as the product's does and drops them.
"""

import asyncio
import cProfile
import pstats
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from io import StringIO
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

import orjson
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks import light, load
from benchmarks.report import Table
from benchmarks.subjects.engine import Idle, workflow_of
from connectors.clock import SystemClock
from connectors.kafka.batches import Laid, batches
from connectors.kafka.transaction import BATCH_BYTES, LAID
from connectors.ports import Clock, Commit, Fetch, Record
from connectors.state import StateStore
from events.codec import decode_input, encode_fact
from events.fact import Fact
from events.partition import partition_of
from events.topics import Role
from projections import keyspace
from streams.intake import BATCH
from streams.pipeline import Pipeline
from streams.takeover import Foldable
from streams.verdict import Lanes
from streams.view import StateView

PARTITIONS = 4  # of which this is one
MOST = 200_000  # events of a profile


class Landed(NamedTuple):
    """A ports.Record in memory."""

    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


class Timer:
    """Seconds spent, by name. `around` wraps a function."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        spent = self.spent
        spent.setdefault(name, 0.0)

        def timed(*given: Any, **named: Any) -> Any:
            began = perf_counter()
            try:
                return function(*given, **named)
            finally:
                spent[name] += perf_counter() - began

        return timed


class Dropped:
    """A ports.Log that keeps nothing."""

    def __init__(self) -> None:
        self.commits = 0

    async def commit(self, commit: Commit) -> int:
        self.lay_out(commit)
        self.commits += 1
        return self.commits

    def lay_out(self, commit: Commit) -> None:
        """Record batches, as connectors/kafka/transaction.py makes them."""
        self._append(map(LAID, commit.facts), commit.at)
        self._append(zip(commit.changes.keys(), commit.changes.values(), repeat(())), commit.at)

    def _append(self, records: Iterable[Laid], at: int) -> None:
        deque(batches(lambda: BatchBuilder(BATCH_BYTES, 0, is_transactional=1), records, at), 0)


class Folding:
    """A pipeline with what is around it. With a `timer`, its parts are timed: read, handle, state, log, write."""

    def __init__(
        self, path: Path, workflow: Foldable, *, real: bool = True, timer: Timer | None = None,
        clock: Clock | None = None, lanes: Lanes | None = None, inputs: Sequence[Role] = (Role.CONTACTS,),
    ) -> None:  # fmt: skip
        encode, decode = (keyspace.encode, keyspace.decode) if real else (light.encode, light.decode)
        self.store, self.log = StateStore(path), Dropped()
        view = StateView(self.store, encode, timer.around("read", decode) if timer else decode)
        if timer is not None:
            for name, owner, method in (
                ("read", self.store, "get"), ("write", self.store, "write"), ("state", view, "changes"),
                ("handle", workflow, "handle"), ("log", self.log, "lay_out"),
            ):  # fmt: skip
                setattr(owner, method, timer.around(name, getattr(owner, method)))
        self.facts: list[Fact] = []
        self.pipeline = Pipeline(
            0, 1, workflow, self.log, self.store, view, clock or SystemClock(), lanes or Idle(), _at_once, inputs=inputs
        )
        self.pipeline.last_facts = self.facts.extend

    async def fold(self, role: Role, records: Sequence[Record]) -> None:
        """All of one topic's next records, in batches as large as a commit."""
        for at in range(0, len(records), BATCH):
            part = records[at : at + BATCH]
            start = self.pipeline.positions[role]
            self.pipeline.accept(Fetch(role, start, start + len(part), part))
            while await self.pipeline.step():
                pass


def records(kind: str, events: int, contacts: int) -> list[Landed]:
    """What of a load lies in this one partition, as many as that."""
    make = {"light": load.light, "real": load.real}[kind]
    found: list[Landed] = []
    for subject, value in make(events * PARTITIONS * 2, contacts):
        if partition_of(subject.encode(), PARTITIONS) == 0:
            found.append(Landed(len(found), subject.encode(), value))
            if len(found) == events:
                break
    return found


def costs(kind: str, events: int, contacts: int, scratch: Path) -> Table:
    """Microseconds of each step of a fold, in order."""
    updates, timer, real = records(kind, events, contacts), Timer(), kind == "real"
    with TemporaryDirectory(dir=scratch) as data:
        folding = Folding(Path(data) / "state", workflow_of(kind, 0, PARTITIONS), real=real, timer=timer)
        began = perf_counter()
        asyncio.run(folding.fold(Role.CONTACTS, updates))
        total = perf_counter() - began
        folding.store.close()
    read: Callable[[bytes], object] = partial(decode_input, Role.CONTACTS) if real else orjson.loads
    decode = _seconds(lambda: deque((read(each.value) for each in updates), 0))
    facts = _seconds(lambda: deque(map(encode_fact, folding.facts), 0))
    spent = timer.spent
    steps = {
        "decode and validate the input" if real else "decode the input": decode,
        "read the state: RocksDB, and decode what the cache lacks": spent["read"],
        "is it a repetition, decide, fold" if real else "fold, and make the fact": spent["handle"]
        - decode
        - spent["read"],
        "encode the facts": facts,
        "encode the state": spent["state"],
        "lay out the log's batches": spent["log"],
        "write the store: RocksDB": spent["write"],
    }
    steps["the pipeline around them"] = total - sum(steps.values())
    lines = [(name, f"{each / len(updates) * 1e6:.1f}", f"{each / total:.0%}") for name, each in steps.items()]
    return Table(
        f"What a step of the {kind} fold costs", ("step", "µs an event", "share"),
        [*lines, ("all", f"{total / len(updates) * 1e6:.1f}", "100%")],
        "The pipeline in one process over records in memory, with RocksDB and without a broker: what is left of "
        "the time between two events of a worker is Kafka's client. Decoding and encoding are timed apart, over the "
        "same records and facts, and taken out of what they are part of.",
    )  # fmt: skip


def profile(kind: str, events: int, contacts: int, scratch: Path) -> str:
    """cProfile's table of the same, functions by their own time."""
    updates, out = records(kind, events, contacts), StringIO()
    profiler = cProfile.Profile()
    with TemporaryDirectory(dir=scratch) as data:
        workflow = workflow_of(kind, 0, PARTITIONS)
        folding = Folding(Path(data) / "state", workflow, real=kind == "real")
        profiler.runcall(asyncio.run, folding.fold(Role.CONTACTS, updates))
        folding.store.close()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(35)
    return out.getvalue()


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


async def _at_once() -> None:
    return None

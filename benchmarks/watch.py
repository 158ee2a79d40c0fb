"""How fast a subject goes, seen from outside: what a reader of committed records could read, moment by moment.

While a subject works, only the ends of its output are asked for and its process is looked at; nothing is read, since a
reader would take a core from it. Ends count a transaction's marker as well: one for thousands of facts.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.processes import Subject, Usage

EVERY = 0.05  # seconds
WARM = 0.2  # the share of events at the beginning that is not measured: a start, a rebalance, a compiler warming up
STILL = 60.0  # seconds without any progress after which a subject has failed


@dataclass(frozen=True, slots=True)
class Sample:
    """At `time` (seconds, monotonic) `count` events were done; `usage` of all processes together."""

    time: float
    count: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class Rate:
    """`events` in `seconds` of wall time and `cpu` seconds of the processes (0 where the system does not tell);
    `memory` is the most that one process held, bytes."""

    events: float
    seconds: float
    cpu: float
    memory: int

    @property
    def per_second(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def per_cpu_second(self) -> float:
        return self.events / self.cpu if self.cpu else 0.0


def rate(samples: Sequence[Sample], wanted: int, warm: float = WARM) -> Rate:
    """Between the first sample with the `warm` share of `wanted` done and the first with all of it."""
    last = next(sample for sample in samples if sample.count >= wanted)
    first = next(sample for sample in samples if sample.count >= wanted * warm)
    if first is last:  # too few to tell: from the last sample with nothing done
        first = [sample for sample in samples if sample.count < last.count][-1]
    return Rate(
        last.count - first.count, last.time - first.time, last.usage.cpu - first.usage.cpu,
        max(sample.usage.memory for sample in samples),
    )  # fmt: skip


async def watch(subjects: Sequence[Subject], wanted: int, progress: "Progress") -> list[Sample]:
    """Sample until `wanted` is reached. Raises SubjectFailed where a subject ends or nothing moves any more."""
    samples: list[Sample] = []
    moved = time.monotonic()
    async with progress:
        while not samples or samples[-1].count < wanted:
            done = await progress.count()
            now = time.monotonic()
            if samples and done > samples[-1].count:
                moved = now
            samples.append(Sample(now, done, Usage.total(subject.usage() for subject in subjects)))
            for subject in subjects:
                subject.check(moving=now - moved < STILL)
            await asyncio.sleep(EVERY)
    return samples


class Progress:
    """What subjects tell of themselves, added up: for programs of ours only."""

    def __init__(self, subjects: Sequence[Subject], name: str = "committed") -> None:
        self._subjects = subjects
        self._name = name

    async def __aenter__(self) -> "Progress":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def count(self) -> float:
        return sum(subject.told.get(self._name, 0.0) for subject in self._subjects)


class Facts(Progress):
    """Records of a topic that a reader of committed records could read."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        super().__init__(())
        self._bootstrap = bootstrap
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]

    async def __aenter__(self) -> "Facts":
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level="read_committed", enable_auto_commit=False
        )
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def count(self) -> float:
        ends = await self._consumer.end_offsets(self._partitions)
        return float(sum(ends.values()))

"""How fast facts appear in a topic, by the broker's own clock: the same measure for every subject, from outside.

The topic stamps records as they are appended (message.timestamp.type LogAppendTime). Only committed records count, and
the first stretch does not: a subject's start-up is measured elsewhere.
"""

import time
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition


@dataclass(frozen=True, slots=True)
class Rate:
    """`events` records were appended within `seconds`, after the first `warm` ones."""

    events: int
    seconds: float
    warm: int

    @property
    def per_second(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0


async def watch(bootstrap: str, topic: str, partitions: int, wanted: int, timeout: float, warm: float = 0.1) -> Rate:
    """Wait until `wanted` facts are there; the first `warm` of them are left out. Raises TimeoutError."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )  # fmt: skip
    await consumer.start()
    stamps: dict[int, int] = {}
    seen, deadline = 0, time.monotonic() + timeout
    try:
        tps = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        while seen < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: {seen} of {wanted} facts after {timeout:.0f} s")
            # While the subject works, ends are asked for and nothing is read: a reader would take a core from it.
            ends = await consumer.end_offsets(tps)
            if sum(ends.values()) < wanted:
                time.sleep(0.05)  # noqa: ASYNC251 - nothing else runs in this loop
                continue
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    stamps[record.timestamp] = stamps.get(record.timestamp, 0) + 1
                seen += len(records)
    finally:
        await consumer.stop()
    skipped, first, counted = 0, 0, 0
    for stamp in sorted(stamps):
        if skipped < seen * warm:
            skipped += stamps[stamp]
            first = stamp
        else:
            counted += stamps[stamp]
    return Rate(counted, (max(stamps) - first) / 1000, skipped)

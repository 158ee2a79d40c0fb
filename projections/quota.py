"""The sends that an account may attempt in a day, shared out between partitions: what day it is, whose part is whose.

Each partition has a fixed part. Those that one worker owns may put theirs together, as a pool that is marked in each of
them before the first uses more than its own: docs/adr/019-limit-of-a-day.md.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["day", "part", "poolable"]


@lru_cache(maxsize=1_024)
def _day(second: int, timezone: str) -> str:
    return datetime.fromtimestamp(second, ZoneInfo(timezone)).date().isoformat()


def day(now: int, timezone: str) -> str:
    """The day (2026-11-23) at `now` (ms) in an IANA time zone."""
    return _day(now // 60_000 * 60, timezone)  # zones differ from UTC by whole minutes


def part(per_day: int, partition: int, partitions: int) -> int:
    """What is one partition's own; all together they are `per_day`."""
    return per_day // partitions + (partition < per_day % partitions)


def poolable(marks: Mapping[int, frozenset[int]]) -> frozenset[int]:
    """Of a worker's partitions, each with the pool it is marked with (itself, if with none), those whose allowance is
    wholly in its hands. One whose pool was torn apart may have lent its part to a partition of another owner."""
    pool = frozenset(marks)
    while (left := frozenset(partition for partition in pool if marks[partition] <= pool)) != pool:
        pool = left
    return pool

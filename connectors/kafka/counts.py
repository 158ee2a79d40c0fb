"""What the engine has done, by its own count: how many records of each topic it read, and what became of them.

Each partition's state carries its counters under one key, committed in the same transaction as the records they count,
so for a read_committed reader they are never ahead of the journal nor behind it. The latest value of a partition wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from events.topics import Role

KEY: Final = b"p/counts"
POSITIONS: Final = b"p/positions"  # {"contacts": [next offset, topic id], ...}
OUTCOMES: Final = ("applied", "unchanged", "repeated", "moved", "dead")  # of a record that was read: one of these


@dataclass
class Counts:
    """The counters of all partitions. Feed it every record of the state's changelog, in order."""

    partitions: dict[int, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    positions: dict[tuple[str, int], int] = field(default_factory=dict)  # (role's value, partition): next offset

    def take(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Take one record of the changelog; all but the counters are passed over."""
        if value is None:
            return
        if key == KEY:
            self.partitions[partition] = orjson.loads(value)
        elif key == POSITIONS:
            for role, (position, _) in orjson.loads(value).items():
                self.positions[role, partition] = position

    def of(self, role: Role) -> dict[str, int]:
        """`read` and each of OUTCOMES, summed over the partitions."""
        counts = [partition.get(role.value, {}) for partition in self.partitions.values()]
        return {name: sum(count.get(name, 0) for count in counts) for name in ("read", *OUTCOMES)}

    def total(self, name: str) -> int:
        """One counter over all topics and partitions."""
        return sum(count.get(name, 0) for partition in self.partitions.values() for count in partition.values())

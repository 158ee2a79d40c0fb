"""A worker's local copies of the state, kept over its restarts: as they were, as they once had been, or not at all."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from connectors.ports import Changes
from simulation.scheduler import Process

if TYPE_CHECKING:
    from simulation.world import World


class Copy:
    """One partition's copy: what lies on a disk. Keys lie by their first two bytes."""

    __slots__ = ("changelog_next", "held", "source", "written_at")

    def __init__(self) -> None:
        self.held: dict[bytes, dict[bytes, bytes]] = {}
        self.changelog_next = -1
        self.written_at = 0
        self.source = ""

    def copied(self) -> "Copy":
        """A backup of it."""
        copy = Copy()
        copy.held = {prefix: dict(keys) for prefix, keys in self.held.items()}
        copy.changelog_next, copy.written_at, copy.source = self.changelog_next, self.written_at, self.source
        return copy


class Store:
    """ports.LocalStore over a Copy, in the hands of one process."""

    __slots__ = ("_copy", "_process", "_world")

    def __init__(self, world: "World", process: Process, copy: Copy) -> None:
        self._world = world
        self._process = process
        self._copy = copy

    @property
    def source(self) -> str:
        return self._copy.source

    @source.setter
    def source(self, source: str) -> None:
        self._copy.source = source

    @property
    def changelog_next(self) -> int:
        return self._copy.changelog_next

    @property
    def written_at(self) -> int:
        return self._copy.written_at

    def get(self, key: bytes) -> bytes | None:
        held = self._copy.held.get(key[:2])
        return None if held is None else held.get(key)

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, bytes]]:
        held = self._copy.held.get(prefix[:2])
        if not held:
            return []
        keys = sorted(key for key in held if key.startswith(prefix) and (before is None or key < before))
        return [(key, held[key]) for key in keys[:limit]]

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        return [pair for pair in self.scan(prefix, 1 << 30) if pair[0] > key][:limit]

    def write(self, changes: Changes, changelog_next: int, at: int) -> None:
        """See ports.Store: all of it or nothing, whatever strikes."""
        self._world.sudden(self._process, "before store write")
        copy = self._copy
        for key, value in changes.items():
            held = copy.held.get(key[:2])
            if held is None:
                held = copy.held[key[:2]] = {}
            if value is None:
                held.pop(key, None)
            else:
                held[key] = value
        copy.changelog_next = changelog_next
        copy.written_at = at
        self._world.sudden(self._process, "after store write")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        held = self._copy.held
        for prefix in sorted(held):
            yield from sorted(held[prefix].items())


class Disk:
    """ports.Stores of one worker. `backups` are copies of some moments, which a fault may bring back."""

    def __init__(self, world: "World") -> None:
        self.copies: dict[int, Copy] = {}
        self.backups: dict[int, Copy] = {}
        self.process: Process | None = None  # who has it open
        self._world = world

    def open(self, partition: int) -> Store:
        copy = self.copies.get(partition)
        if copy is None:
            copy = self.copies[partition] = Copy()
        return self._store(copy)

    def wipe(self, partition: int) -> Store:
        """Throw the local copy away and begin an empty one."""
        copy = self.copies[partition] = Copy()
        return self._store(copy)

    def back_up(self) -> None:
        self.backups = {partition: copy.copied() for partition, copy in self.copies.items()}

    def _store(self, copy: Copy) -> Store:
        if self.process is None:
            raise RuntimeError("nobody has this disk")
        return Store(self._world, self.process, copy)

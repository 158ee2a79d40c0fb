"""The state as a Faust table: its changelog is assigned with its sources; its store is one RocksDB a partition."""

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from faust.stores.base import Store
from faust.tables import Table
from faust.types import TP

from connectors.state import Memory, StateStore, destroy


class PartitionStores(Store[bytes, bytes]):
    """The local stores of the partitions that this worker owns, opened at a take-over and closed at a release."""

    def __init__(self, app: Any, table: Any, directory: Path) -> None:
        super().__init__("recado://", app, table)
        self.directory = directory
        self.open_stores: dict[int, StateStore] = {}
        self._memory = Memory()

    def path(self, partition: int) -> Path:
        return self.directory / f"partition-{partition}"

    def open(self, partition: int) -> StateStore:
        store = self.open_stores[partition] = StateStore(self.path(partition), self._memory)
        return store

    def wipe(self, partition: int) -> StateStore:
        """Throw the local copy away and begin an empty one."""
        self.close(partition)
        destroy(self.path(partition))
        return self.open(partition)

    def close(self, partition: int) -> None:
        store = self.open_stores.pop(partition, None)
        if store is not None:
            store.close()

    def close_all(self) -> None:
        for partition in list(self.open_stores):
            self.close(partition)

    def persisted_offset(self, tp: TP) -> int | None:
        """The last changelog offset in the local copy, as Faust counts."""
        store = self.open_stores.get(tp.partition)
        return None if store is None or store.changelog_next < 0 else store.changelog_next - 1

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        raise RuntimeError("the changelog position is written with the keys it belongs to, and only so")

    async def need_active_standby_for(self, tp: TP) -> bool:
        return False

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        raise RuntimeError("recovery is the take-over's (streams/takeover.py), not Faust's")

    def reset_state(self) -> None:
        self.close_all()

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        raise RuntimeError("the changelog is the backup")

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        raise RuntimeError("the changelog is the backup: delete the local copy and start the worker")

    async def on_rebalance(self, assigned: Set[TP], revoked: Set[TP], newly: Set[TP], generation_id: int = 0) -> None:
        return None

    async def on_recovery_completed(self, active_tps: Set[TP], standby_tps: Set[TP]) -> None:
        return None

    def _keys(self) -> Iterator[bytes]:
        return (key for store in self.open_stores.values() for key, _ in store.items())

    def __getitem__(self, key: Any) -> Any:
        raise KeyError("the state is read through a pipeline's view, never through Faust's table")

    def __iter__(self) -> Iterator[Any]:
        return self._keys()

    def __len__(self) -> int:
        return sum(1 for _ in self._keys())


class StateTable(Table[bytes, bytes]):
    """One table for everything; see PartitionStores."""

    def __init__(self, app: Any, directory: Path, **options: Any) -> None:
        self._directory = directory
        super().__init__(app, **options)

    def _new_store(self) -> PartitionStores:
        return PartitionStores(self.app, self, self._directory)

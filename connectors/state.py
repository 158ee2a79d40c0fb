"""A partition's state on disk: one RocksDB, the changelog position in the same atomic write as the keys."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from rocksdict import (
    AccessType,
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)  # fmt: skip

from connectors.ports import Changes, MachineryFault

NEXT = b"\x00changelog.next"  # sorts before every prefix of the state and is no part of it
AT = b"\x00changelog.at"
SOURCE = b"\x00changelog.id"


MIB = 1024 * 1024


class Memory:
    """What the stores of one worker share, so that sixteen partitions take no more than four: a block cache, and a
    limit for what was written and not yet flushed (bytes)."""

    def __init__(self, cache: int = 24 * MIB, unflushed: int = 32 * MIB) -> None:
        self.cache = Cache(cache)
        self.unflushed = WriteBufferManager(unflushed, False)


class StateStore:
    """The Store of one partition. Also remembers when it was last written, for what compaction may have forgotten."""

    def __init__(self, path: Path, memory: Memory | None = None) -> None:
        memory = memory or Memory()
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(8 * MIB)
        options.set_write_buffer_manager(memory.unflushed)
        options.set_max_write_buffer_number(2)
        # Each input asks for an id that is not there: 2.7 us by the skip list, 0.8 us with a Bloom filter over it.
        options.set_memtable_prefix_bloom_ratio(0.05)
        options.set_memtable_whole_key_filtering(True)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_max_open_files(64)
        options.set_keep_log_file_num(1)
        options.set_max_background_jobs(2)
        table = BlockBasedOptions()
        table.set_bloom_filter(10, False)
        table.set_block_cache(memory.cache)
        table.set_cache_index_and_filter_blocks(True)
        # In pieces of 4 KiB: a whole filter of a file of 64 MiB is half a megabyte, which a small cache forgets and
        # reads again for each key, 130 to 280 us of it once a partition holds 600,000 ids.
        table.set_index_type(BlockBasedIndexType.two_level_index_search())
        table.set_partition_filters(True)
        table.set_metadata_block_size(4096)
        table.set_pin_top_level_index_and_filter(True)
        options.set_block_based_table_factory(table)
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = Rdict(str(path), options, access_type=AccessType.read_write())
        except Exception as exc:  # rocksdict raises bare Exceptions: a held lock, a torn disk
            raise MachineryFault(f"the state at {path.name} cannot be opened: {exc}") from exc

    @property
    def changelog_next(self) -> int:
        """Changelog position up to which this copy is complete; -1 for a new one."""
        raw = self._db.get(NEXT)
        return -1 if raw is None else int(raw)

    @property
    def written_at(self) -> int:
        """When this copy was last written, ms; 0 for a new one."""
        raw = self._db.get(AT)
        return 0 if raw is None else int(raw)

    @property
    def source(self) -> str:
        """Id of the changelog topic that the position is one of; "" where it was never told."""
        raw = self._db.get(SOURCE)
        return "" if raw is None else raw.decode()

    @source.setter
    def source(self, topic_id: str) -> None:
        self._db.put(SOURCE, topic_id.encode())

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(key)
        except Exception as exc:
            raise self._unreadable(exc) from exc
        return value

    def _from(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        try:
            iterator = self._db.iter(ReadOptions())
            iterator.seek(key)
            while iterator.valid():
                yield iterator.key(), iterator.value()
                iterator.next()
        except Exception as exc:
            raise self._unreadable(exc) from exc

    def _unreadable(self, exc: Exception) -> MachineryFault:
        # A decider that fails is a bug in the code; a disk that fails under it must not be taken for one.
        return MachineryFault(f"the state at {self.path.name} cannot be read: {exc}")

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        for key, value in self._from(prefix):
            if len(found) >= limit or not key.startswith(prefix) or (before is not None and key >= before):
                break
            found.append((key, value))
        return found

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        for at, value in self._from(max(key, prefix)):
            if len(found) >= limit or not at.startswith(prefix):
                break
            if at > key:
                found.append((at, value))
        return found

    def write(self, changes: Changes, changelog_next: int, at: int) -> None:
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in changes.items():
            if value is None:
                delete(key)
            else:
                put(key, value)
        put(NEXT, b"%d" % changelog_next)
        put(AT, b"%d" % at)
        try:
            self._db.write(batch)
        except Exception as exc:
            raise MachineryFault(f"the state at {self.path.name} cannot be written: {exc}") from exc

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key of the state, in order."""
        return (pair for pair in self._from(b"\x01"))

    def close(self) -> None:
        self._db.close()


def destroy(path: Path) -> None:
    """Throw a local copy away; the changelog has it all. Raises MachineryFault if it cannot be deleted."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise MachineryFault(f"the old state at {path} cannot be deleted ({exc.strerror}): delete it by hand") from exc

"""Records whose headers have names that are not UTF-8 are read like all others.

To Kafka a header's name is bytes, and producers in C, Go or Rust write any. aiokafka's compiled reader decodes them
strictly and raises UnicodeDecodeError in the middle of a fetch, at each attempt: nothing behind such a record would
ever be read. What raised is read once more, in Python, from the batch that raised to the end of its fetch; everything
else is read by the compiled reader as before, with nothing put in its way.
"""

from collections import deque
from struct import Struct
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord, _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

_HEAD: Final = Struct(">qiib")  # of a batch of any age: offset, length, four bytes that differ, magic
_UNCOUNTED: Final = 12  # bytes of it that the length does not count
_NAMED_HEADERS: Final = 2  # the first magic whose records have headers


def read_any_name() -> None:
    """From now on every consumer of this process reads header names that are not UTF-8, as `\\xff` and the like."""
    fetcher.MemoryRecords = Fetched
    fetcher.PartitionRecords = Readable


def as_it_lies(key: bytes | None) -> bytes | None:
    """The key's deserializer of a consumer of this process that wants records as the compiled reader makes them, which
    have offset, timestamp, key, value and headers: aiokafka's own, a frozen dataclass of eleven fields, takes 1.3 us of
    CPU. Before `read_any_name` it changes nothing."""
    return key


def _same(tp: Any, record: Any) -> Any:
    return record


class Fetched(MemoryRecords):  # type: ignore[misc]
    """aiokafka's compiled reader of what a fetch brought, with the bytes that it reads, which it does not show."""

    def __init__(self, held: bytes) -> None:
        super().__init__(held)
        self.held = held


class Readable(PartitionRecords):  # type: ignore[misc]
    """The records of a fetch. `__next__` is aiokafka's own, which it replaces, but for its last clause."""

    _records: Any
    _records_iterator: Any

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if self._key_deserializer is as_it_lies:
            self._consumer_record = _same

    def __next__(self) -> Any:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None
            raise
        except UnicodeDecodeError:
            if type(self._records) is not Fetched:
                raise
            self._records = _Again(self._records.held, self.next_fetch_offset)
            self._records_iterator = self._unpack_records()
            return next(self)


class _Again:
    """What is left of a fetch from the batch on that holds this offset, or that lies behind it."""

    def __init__(self, held: bytes, offset: int) -> None:
        self._batches: deque[Any] = deque()
        start = 0
        while start + _HEAD.size <= len(held):
            _, length, _, magic = _HEAD.unpack_from(held, start)
            end = start + _UNCOUNTED + length
            if end > len(held):  # a broker cuts a fetch where it is full
                break
            laid = held[start:end]
            batch = _Batch(laid) if magic >= _NAMED_HEADERS else LegacyRecordBatch(laid, magic)
            if batch.next_offset > offset:
                self._batches.append(batch)
            start = end

    def has_next(self) -> bool:
        return bool(self._batches)

    def next_batch(self) -> Any:
        return self._batches.popleft()


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's batch in Python; only how a record is read differs. https://kafka.apache.org/documentation/#record"""

    _pos: int

    def _read_msg(self) -> Any:
        laid = self._buffer
        length, start = decode_varint(laid, self._pos)
        passed, at = decode_varint(laid, start + 1)  # behind the attributes, which say nothing
        delta, at = decode_varint(laid, at)
        key, at = _bytes(laid, at)
        value, at = _bytes(laid, at)
        count, at = decode_varint(laid, at)
        headers = []
        for _ in range(count):
            name, at = _bytes(laid, at)
            held, at = _bytes(laid, at)
            headers.append(((name or b"").decode("utf-8", "backslashreplace"), held))
        if at != start + length:
            raise CorruptRecordException(f"a record of {length} bytes was read as one of {at - start}")
        self._pos = at
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        timestamp = self.max_timestamp if appended else self.first_timestamp + passed
        return DefaultRecord(self.base_offset + delta, timestamp, self.timestamp_type, key, value, headers)


def _bytes(laid: bytearray, at: int) -> tuple[bytes | None, int]:
    """What a length and so many bytes say, and where the next begins; a length of -1 is None."""
    length, at = decode_varint(laid, at)
    return (None, at) if length < 0 else (bytes(laid[at : at + length]), at + length)

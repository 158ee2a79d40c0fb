"""What was fetched of one topic and is not decided yet."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from connectors.ports import Fetch, Record

HEADER: Final = 64  # bytes of memory that a header takes, however short


@dataclass(slots=True)
class Inbox:
    """`tail` is the position behind the last record held; `held` counts records, `size` their bytes."""

    tail: int
    fetches: deque[Fetch] = field(default_factory=deque)
    held: int = 0
    size: int = 0
    _sizes: deque[int] = field(default_factory=deque)  # of the fetches, in their order

    def add(self, fetch: Fetch) -> None:
        """Take a fetch that begins at the tail."""
        self.fetches.append(fetch)
        self.held += len(fetch.records)
        size = sum(map(_size, fetch.records))
        self._sizes.append(size)
        self.size += size
        self.tail = fetch.next

    def done(self) -> None:
        """The first fetch is decided wholly."""
        fetch = self.fetches.popleft()
        self.held -= len(fetch.records)
        self.size -= self._sizes.popleft()


def first_at(records: Sequence[Record], position: int) -> int:
    """Index of the first record at or behind `position`: a fetch may have been decided in part."""
    if not records or records[0].offset >= position:
        return 0
    low, high = 0, len(records)
    while low < high:
        middle = (low + high) // 2
        if records[middle].offset < position:
            low = middle + 1
        else:
            high = middle
    return low


def _size(record: Record) -> int:
    size = len(record.value or b"") + len(record.key or b"")
    headers = record.headers
    if headers:
        size += sum(HEADER + len(name) + len(value or b"") for name, value in headers)
    return size

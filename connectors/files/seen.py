"""Which contacts a file has named already, and in which line: a hash table in a temporary file.

The memory of an import does not grow with its file: what the table needs is the disk's, and the page cache's while
there is room.
"""

from __future__ import annotations

import mmap
import tempfile
from hashlib import blake2b
from struct import Struct

_SLOT = Struct("<QQ")  # 8 bytes of the contact's digest, the line; an empty slot has line 0


class Seen:
    """Open addressing with linear probing; `most` is the largest number of contacts that will be asked for."""

    def __init__(self, most: int) -> None:
        self._mask = (1 << (2 * most + 16).bit_length()) - 1
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- close() closes it
        self._file.truncate((self._mask + 1) * _SLOT.size)  # a sparse file: untouched pages take no space
        self._map = mmap.mmap(self._file.fileno(), 0)

    def first(self, contact: str, line: int) -> int:
        """The line in which this contact was first asked for: `line` itself if it was never."""
        digest = int.from_bytes(blake2b(contact.encode(), digest_size=8).digest(), "little")
        slot = digest & self._mask
        while True:
            known, at = _SLOT.unpack_from(self._map, slot * _SLOT.size)
            if not at:
                _SLOT.pack_into(self._map, slot * _SLOT.size, digest, line)
                return line
            if known == digest:
                return int(at)
            slot = (slot + 1) & self._mask

    def close(self) -> None:
        self._map.close()
        self._file.close()

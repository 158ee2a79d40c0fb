"""Lines of a file as bytes, each at most a given length, so that no file can fill the memory."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

_SPOOL_IN_MEMORY = 8 * 1024 * 1024  # bytes of standard input kept in memory before a temporary file takes over


class Line(NamedTuple):
    """One line without its end. `number` counts from 1. `value` is None where the line is longer than allowed."""

    number: int
    value: bytes | None
    size: int  # bytes read for it, its end included


def lines(stream: BinaryIO, longest: int) -> Iterator[Line]:
    """Every line, ended by LF, CRLF or the end of the file. One longer than `longest` bytes comes as None."""
    number = 0
    while piece := stream.readline(longest + 2):
        number += 1
        size = len(piece)
        value: bytes | None = piece.removesuffix(b"\n").removesuffix(b"\r") if piece.endswith(b"\n") else piece
        if value is not None and len(value) > longest:
            value = None
        while not piece.endswith(b"\n") and (piece := stream.readline(longest)):
            size += len(piece)
            value = None
        yield Line(number, value, size)


@contextmanager
def twice(path: str) -> Iterator[tuple[BinaryIO, int]]:
    """A file that can be read from its start twice, and its size in bytes. `-` is standard input, spooled first.

    Raises OSError as `open` does, and for what is no regular file (a pipe has no second pass: use `-`).
    """
    if path == "-":
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_IN_MEMORY) as spool:
            shutil.copyfileobj(sys.stdin.buffer, spool)
            size = spool.tell()
            spool.seek(0)
            yield spool, size  # type: ignore[misc] # SpooledTemporaryFile reads as a BinaryIO but is not declared one
        return
    with Path(path).open("rb") as stream:
        if not stream.seekable():
            raise ValueError(
                f"{path} is no regular file, so it cannot be read twice: hand it over as standard input (-)."
            )
        yield stream, Path(path).stat().st_size

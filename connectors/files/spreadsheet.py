"""CSV as people's spreadsheets write it: which encoding, which separator, where a row begins. Every byte is hostile.

A row that cannot be read costs itself only: reading goes on at the line after the one it began in.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from connectors.files.columns import Unreadable

LONGEST_LINE = 256 * 1024  # characters
MOST_LINES = 200  # of one row: a cell holds at most 1 KiB, so what goes on longer is a quote that was never closed
_PIECE = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_QUOTED = re.compile(r'"[^"]*"')
_SEP = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Survey:
    """A file as a whole: 16 bytes of digest of its content, a codec, at most how many lines, how many bytes."""

    digest: bytes
    encoding: str
    lines: int
    size: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is none, in words."""

    reason: str


def survey(stream: IO[bytes]) -> Survey:
    """Read a file through, from its start, and go back there. Raises Unreadable for a workbook."""
    stream.seek(0)
    head = stream.read(4096)
    if head.startswith(_WORKBOOKS):
        raise Unreadable("This is a spreadsheet's own format: save it as CSV (in Excel: CSV UTF-8), and import that.")
    stream.seek(0)
    digest, lines, size, utf8 = hashlib.blake2b(digest_size=16), 1, 0, True
    decoder = codecs.getincrementaldecoder("utf-8")()
    while piece := stream.read(_PIECE):
        digest.update(piece)
        size += len(piece)
        lines += piece.count(b"\n") + piece.count(b"\r")
        if utf8:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                utf8 = False
    encoding = _marked(head) or ("utf-8" if utf8 or _mostly_utf8(stream) else "cp1252")
    stream.seek(0)
    return Survey(digest.digest(), encoding, lines, size)


def _marked(head: bytes) -> str | None:
    """The encoding that a byte order mark tells, or the zeros of UTF-16 without one."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 > len(head):
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _mostly_utf8(stream: IO[bytes]) -> bool:
    """Whether UTF-8 with some broken lines, rather than an older encoding that is right throughout."""
    stream.seek(0)
    right = wrong = 0
    while line := stream.readline(LONGEST_LINE):
        if not line.isascii():
            try:
                line.decode()
                right += 1
            except UnicodeDecodeError:
                wrong += 1
    return right > wrong


class Sheet:
    """The rows of one file. `header` is its first line's cells; then `rows()`, once."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        """Raises Unreadable for a file without a header."""
        # What is not of the encoding becomes a lone surrogate, in UTF-16 U+FFFD: the row that holds one is refused.
        errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
        self._text = io.TextIOWrapper(stream, encoding, errors=errors, newline="")
        self._lines = self._bounded()
        self._line = 0
        first = self._next_said()
        separated = _SEP.fullmatch(first)
        if separated:  # Excel's own way of naming the separator
            first = self._next_said()
        while first.count('"') % 2 and (more := next(self._lines, None)):  # a name may go on in the next line
            self._line += 1
            first += more
            if len(first) > LONGEST_LINE:
                break
        if not first.strip():
            raise Unreadable("The file has no header: its first line must name the columns.")
        self._delimiter = separated[1] if separated else max(",;\t|", key=_QUOTED.sub("", first).count)
        lines = io.StringIO(first, newline="")
        try:
            names = next(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            raise Unreadable(f"The header cannot be read as CSV ({error}): look for a quote not closed.") from error
        self.header = [" ".join(name.split()) for name in names]

    def _next_said(self) -> str:
        """The next line that is not blank, to begin with; "" where there is none, or none that could be a header."""
        for line in self._lines:
            self._line += 1
            if line is None or line.strip():
                return line or ""
        return ""

    def rows(self) -> Iterator[tuple[int, list[str] | Fault]]:
        """Each row with the number of the line, from 1, that it begins in. A blank line is an empty list."""
        width, line = len(self.header), self._line + 1
        waiting: deque[str | None] = deque()
        taken: list[str | None] = []

        def feed() -> Iterator[str]:
            while len(taken) < MOST_LINES:
                try:
                    found = waiting.popleft() if waiting else next(self._lines)
                except StopIteration:
                    return
                taken.append(found)
                if found is None:
                    raise csv.Error(f"line of more than {LONGEST_LINE:,} characters")
                yield found

        reader = csv.reader(feed(), delimiter=self._delimiter, strict=True)
        while True:
            fault = None
            cells: list[str] = []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                fault = Fault(f"this cannot be read as CSV ({error}): look at its quotes")
            if fault is None and len(taken) > 1 and len(cells) != width:
                fault = Fault(f"a quote opens here and the row has {len(cells)} cells, the header {width}")
            if fault is not None:
                yield line, fault
                waiting.extendleft(reversed(taken[1:]))
                line += 1
                taken.clear()
                reader = csv.reader(feed(), delimiter=self._delimiter, strict=True)
                continue
            yield line, cells
            line += len(taken)
            taken.clear()

    def close(self) -> None:
        """Leave the stream open, for whoever opened it."""
        self._text.detach()

    def _bounded(self) -> Iterator[str | None]:
        """Every line; None for one that is longer than any list of contacts has."""
        readline = self._text.readline
        while line := readline(LONGEST_LINE):
            if len(line) < LONGEST_LINE or line[-1] in "\r\n":
                yield line
                continue
            while line and line[-1] not in "\r\n":
                line = readline(LONGEST_LINE)
            yield None

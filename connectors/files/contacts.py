"""Contacts from a CSV file by Connectif's import rules (instasent.md, section 8): a row is an update or is refused.

The key is an e-mail address or an external id; a phone is written with or without a prefix; enumerations by their id;
unknown system columns are skipped. An empty cell leaves a field as it is. Nothing of a row's content is in a refusal:
a value is shown by its shape only (`+34 600` as `+99 999`).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from events.contact import PHONE, PHONE_STATUS, PHONE_STATUSES, SUBSCRIPTION, SUBSCRIPTIONS
from events.envelope import CONTACT_CHARACTERS
from events.shape import VALUES, check_scalar

KEYS: Mapping[str, str] = {  # columns, lower-cased, that name the contact
    "email": "email", "e-mail": "email", "_email": "email", "external_id": "external id", "external id": "external id",
        "externalid": "external id", "_externalid": "external id",
}  # fmt: skip
SYSTEM: Mapping[str, tuple[str, ...] | None] = {  # system columns and their values; None: a phone
    PHONE: None,
    PHONE_STATUS: PHONE_STATUSES,
    SUBSCRIPTION: SUBSCRIPTIONS,
}
LONGEST_LINE = 1024 * 1024  # bytes
_SHAPE = {ord(c): "9" for c in "0123456789"}


class Unreadable(ValueError):
    """The file as a whole cannot be imported; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """An accepted row. `line` is where it begins in the file, counted from 1; `fields` are its non-empty cells."""

    line: int
    contact: str
    fields: Mapping[str, str]
    digest: bytes  # 16 bytes of what the row says: header and cells


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused row: where, which column, the value's shape, and the rule it breaks."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Columns:
    """What the header says. `skipped` are system columns nobody knows here, or columns without a name."""

    names: Sequence[str]
    key: int
    key_is: str
    skipped: Sequence[str]


PhoneRule = Callable[[str], str | None]  # why a written number cannot be read, or None where it can


def read(stream: BinaryIO, phone: PhoneRule, key: str | None = None) -> tuple[Columns, Iterator[Row | Refusal]]:
    """The header, then each row as it is read. Memory: 100 bytes a row, to find a contact that comes twice.

    Raises Unreadable for a file without a usable header; so does the iterator, for bytes that are not UTF-8 or quotes
    that never close.
    """
    lines = _decoded(stream)
    first = next(lines, "").removeprefix("\ufeff")
    if not first.strip():
        raise Unreadable("The file has no header: its first line must name the columns.")
    delimiter = max(",;\t", key=first.count)
    header = _cells(csv.reader([first], delimiter=delimiter), 1) or []
    columns = _columns([name.strip() for name in header], key)
    return columns, _rows(lines, delimiter, columns, phone)


def shape(value: str) -> str:
    """A value without its content: digits as 9, letters as a, the rest as it is, at most 24 characters."""
    if not value:
        return "(empty)"
    masked = "".join("a" if c.isalpha() else c for c in value[:24].translate(_SHAPE))
    return masked if len(value) <= 24 else f"{masked}… ({len(value)} characters)"


def _columns(names: Sequence[str], key: str | None) -> Columns:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Unreadable(f"The header names {', '.join(twice)} more than once: give each column its own name.")
    if key is not None and key not in names:
        raise Unreadable(f"There is no column {key!r}; the header has {', '.join(names)}.")
    found = [i for i, name in enumerate(names) if (name == key if key else name.lower() in KEYS)]
    if not found:
        raise Unreadable(
            f"No column names the contact: call one email or external_id, or choose with --key: {', '.join(names)}."
        )
    found.sort(key=lambda i: KEYS.get(names[i].lower(), "") != "email")  # an e-mail goes before an external id
    skipped = [
        name or "(no name)"
        for i, name in enumerate(names)
        if i != found[0] and (not name or (name[0] == "_" and name not in SYSTEM))
    ]
    if len(names) - 1 - len(skipped) > VALUES + len(SYSTEM):
        raise Unreadable(f"The file has {len(names)} columns; a contact has at most {VALUES} fields of its own.")
    return Columns(names, found[0], KEYS.get(names[found[0]].lower(), "external id"), skipped)


def _decoded(stream: BinaryIO) -> Iterator[str]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise Unreadable(f"Line {number} has more than {LONGEST_LINE:,} bytes: this is no list of contacts.")
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise Unreadable(f"Line {number} is not UTF-8: save the file as UTF-8 (in Excel: CSV UTF-8).") from None


def _rows(lines: Iterator[str], delimiter: str, columns: Columns, phone: PhoneRule) -> Iterator[Row | Refusal]:
    reader = csv.reader(lines, delimiter=delimiter)
    line_of: dict[int, int] = {}  # 8 bytes of the contact's digest -> the line it was first seen in
    line = 2
    while True:
        cells = _cells(reader, line)
        if cells is None:
            return
        here, line = line, reader.line_num + 2  # a row may hold line ends between quotes; the header is line 1
        if not cells or not any(cells):
            continue
        found = _row(here, cells, columns, phone)
        if isinstance(found, Row):
            seen = int.from_bytes(hashlib.blake2b(found.contact.encode(), digest_size=8).digest())
            if seen in line_of:
                found = Refusal(
                    here,
                    columns.names[columns.key],
                    shape(found.contact),
                    f"this contact is in line {line_of[seen]} already",
                )
            else:
                line_of[seen] = here
        yield found


def _cells(reader: Iterator[list[str]], line: int) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        raise Unreadable(
            f"Line {line} cannot be read as CSV ({error}): look for a quote that is not closed."
        ) from error


def _row(line: int, cells: Sequence[str], columns: Columns, phone: PhoneRule) -> Row | Refusal:
    names = columns.names
    if len(cells) != len(names):
        return Refusal(line, "", f"{len(cells)} cells", f"the header has {len(names)} columns")
    contact = cells[columns.key].strip()
    rule = _key_rule(contact, columns.key_is)
    if rule:
        return Refusal(line, names[columns.key], shape(contact), rule)
    fields: dict[str, str] = {}
    for i, (name, cell) in enumerate(zip(names, cells, strict=True)):
        value = cell.strip()
        if i == columns.key or not value or not name or (name[0] == "_" and name not in SYSTEM):
            continue
        rule = _value_rule(name, value, phone)
        if rule:
            return Refusal(line, name, shape(value), rule)
        fields[name] = value
    digest = hashlib.blake2b("\x1f".join((*names, "\x1e", *cells)).encode(), digest_size=16).digest()
    return Row(line, contact, fields, digest)


def _key_rule(contact: str, key_is: str) -> str | None:
    if not contact:
        return f"the {key_is} is missing, and it is the contact's key"
    if len(contact) > CONTACT_CHARACTERS or "/" in contact or not contact.isprintable():
        return f"a contact's key has 1 to {CONTACT_CHARACTERS} printable characters, none of them /"
    if key_is == "email" and (contact.count("@") != 1 or contact[0] == "@" or contact[-1] == "@" or " " in contact):
        return "this is no e-mail address"
    return None


def _value_rule(name: str, value: str, phone: PhoneRule) -> str | None:
    if name in SYSTEM:
        allowed = SYSTEM[name]
        if allowed is None:
            return phone(value)
        return None if value in allowed else f"must be {', '.join(allowed)}"
    try:
        check_scalar(value)
    except ValueError as error:
        return str(error)
    return None

"""Contacts from a CSV file by Connectif's import rules (instasent.md, section 8): a row is an update or is refused.

The key is an e-mail address or an external id; a phone is written with or without a prefix; enumerations by their id;
unknown system columns are skipped. An empty cell leaves a field as it is. A refusal shows a value by its shape only
(`+34 600` as `+99 999`); the value itself is for the report of whoever brought the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import IO

from connectors.files.columns import EMAIL, Columns, Unreadable, columns
from connectors.files.seen import Seen
from connectors.files.spreadsheet import Fault, Sheet, Survey, survey
from events.contact import PHONE, PHONE_STATUS, PHONE_STATUSES, SUBSCRIPTION, SUBSCRIPTIONS
from events.envelope import CONTACT_CHARACTERS
from events.shape import check_scalar
from projections.phone import Phone, normalize

__all__ = ["Columns", "PhoneRule", "Refusal", "Row", "Unreadable", "phone_rule", "read", "shape"]

_ALLOWED: Mapping[str, tuple[str, ...]] = {PHONE_STATUS: PHONE_STATUSES, SUBSCRIPTION: SUBSCRIPTIONS}
_SHAPE = {ord(c): "9" for c in "0123456789"}
_WHY = {
    "not_a_number": "this is no phone number",
    "impossible": "no such phone number can exist",
    "no_country": "it has no prefix, and the account no country: add one, or `recado account set --country`",
}


@dataclass(frozen=True, slots=True)
class Row:
    """An accepted row. `line` is where it begins in the file, counted from 1; `fields` are its non-empty cells."""

    line: int
    contact: str
    fields: Mapping[str, str]
    digest: bytes  # 16 bytes of what the row says: header and cells


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused row: where, which column, the value's shape, the rule it breaks; and the value as it was written."""

    line: int
    column: str
    value: str
    reason: str
    written: str = field(default="", repr=False)


PhoneRule = Callable[[str], str | None]  # why a written number cannot be read, or None where it can


def phone_rule(country: str | None) -> PhoneRule:
    """Why a written number cannot be that of a contact of an account in this country, in words; None where it can."""

    def rule(written: str) -> str | None:
        found = normalize(written, country)
        return None if isinstance(found, Phone) else _WHY[found.reason]

    return rule


def read(
    stream: IO[bytes], phone: PhoneRule, key: str | None = None, whole: Survey | None = None
) -> tuple[Columns, Iterator[Row | Refusal]]:
    """The header, then each row as it is read, in constant memory. `whole` is the file's survey if it was made.

    The stream must be seekable, and is read from its start. Raises Unreadable for a file without a usable header.
    """
    whole = whole or survey(stream)
    sheet = Sheet(stream, whole.encoding)
    try:
        named = columns(sheet.header, key)
    except Unreadable:
        sheet.close()
        raise
    return named, _rows(sheet, named, phone, whole)


def shape(value: str) -> str:
    """A value without its content: digits as 9, letters as a, the rest as it is, at most 24 characters."""
    if not value:
        return "(empty)"
    masked = "".join("a" if c.isalpha() else c for c in value[:24].translate(_SHAPE))
    return masked if len(value) <= 24 else f"{masked}… ({len(value)} characters)"


def _refusal(line: int, column: str, value: str, reason: str) -> Refusal:
    return Refusal(line, column, shape(value), reason, value)


def _rows(sheet: Sheet, named: Columns, phone: PhoneRule, whole: Survey) -> Iterator[Row | Refusal]:
    header = blake2b("\x1f".join((*named.names, "\x1e", "")).encode("utf-8", "surrogateescape"), digest_size=16)
    plan = [(i, name) for i, name in enumerate(named.fields) if name is not None]
    with closing(Seen(whole.lines)) as seen, closing(sheet):
        for line, cells in sheet.rows():
            if isinstance(cells, Fault):
                yield Refusal(line, "", "", cells.reason)
                continue
            if not any(cells):
                continue
            found = _row(line, cells, named, plan, phone, whole.encoding)
            if isinstance(found, Row):
                before = seen.first(found.contact, line)
                if before != line:
                    told = f"this contact is in line {before} already"
                    found = _refusal(line, named.names[named.key], found.contact, told)
                else:
                    digest = header.copy()
                    digest.update("\x1f".join(cells).encode("utf-8", "surrogateescape"))
                    found = Row(line, found.contact, found.fields, digest.digest())
            yield found


def _row(
    line: int, cells: Sequence[str], named: Columns, plan: Sequence[tuple[int, str]], phone: PhoneRule, encoding: str
) -> Row | Refusal:
    if len(cells) != len(named.names):
        return Refusal(line, "", f"{len(cells)} cells", f"the header has {len(named.names)} columns")
    contact = cells[named.key].strip()
    rule = _encodable(contact, encoding) or _key_rule(contact, named.key_is)
    if rule:
        return _refusal(line, named.names[named.key], contact, rule)
    fields: dict[str, str] = {}
    for i, name in plan:
        value = cells[i].strip()
        if not value:
            continue
        rule = _encodable(value, encoding) or _value_rule(name, value, phone)
        if rule:
            return _refusal(line, named.names[i], value, rule)
        fields[name] = value
    return Row(line, contact, fields, b"")


def _encodable(value: str, encoding: str) -> str | None:
    if value.isascii():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"holds bytes that are not {encoding}, in which the file is written: save it as UTF-8"
    return "holds U+FFFD, which stands where a character was lost: export the file again" if "\ufffd" in value else None


def _key_rule(contact: str, key_is: str) -> str | None:
    if not contact:
        return f"the {key_is} is missing, and it is the contact's key"
    if len(contact) > CONTACT_CHARACTERS or "/" in contact or not contact.isprintable():
        return f"a contact's key has 1 to {CONTACT_CHARACTERS} printable characters, none of them /"
    if key_is == EMAIL and (contact.count("@") != 1 or contact[0] == "@" or contact[-1] == "@" or " " in contact):
        return "this is no e-mail address"
    return None


def _value_rule(name: str, value: str, phone: PhoneRule) -> str | None:
    if name == PHONE:
        return phone(value)
    if name in _ALLOWED:
        return None if value in _ALLOWED[name] else f"must be {', '.join(_ALLOWED[name])}"
    try:
        check_scalar(value)
    except ValueError as error:
        return str(error)
    return None

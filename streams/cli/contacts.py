"""`recado import`: contacts from a CSV file, by Connectif's import rules."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from streams.cli.printing import as_json, emit, progress, table
from streams.cli.refusal import Refused

if TYPE_CHECKING:
    from connectors.files.contacts import PhoneRule, Refusal, Row
    from connectors.kafka.publisher import Publisher

_SHOWN = 20  # refused rows that are printed; all of them are in the report
_WHY = {
    "not_a_number": "this is no phone number",
    "impossible": "no such phone number can exist",
    "no_country": "it has no prefix, and the account no country: add one, or `recado account set --country`",
}
_TOLD_EVERY = 65_536  # bytes between steps of the progress bar


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True))
@click.option("--account", required=True, help="The account the contacts belong to; it must exist.")
@click.option("--key", metavar="COLUMN", help="The column that names the contact, if not email or external_id.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="A CSV file for the refused rows.")
@as_json
def import_contacts(file: str, account: str, key: str | None, report: Path | None, as_json: bool) -> None:
    """Import contacts from a CSV file by Connectif's rules. `-` is standard input.

    The first line names the columns: email or external_id is the key; _mobilePhone, _mobilePhoneStatus and
    _smsSubscriptionStatus are the system's; the rest are the account's custom fields. An empty cell leaves a field as
    it is. A wrong row is refused and told, the others are imported; importing the same file again within 35 days
    changes nothing.

    \b
    Example:  recado import contacts.csv --account acme --report refused.csv
    """
    from connectors.files.lines import twice
    from streams.cli import place
    from streams.cli.post import post

    settings = place.located(place.settings())
    found = place.directory(settings).account(account)
    if found is None:
        raise Refused(f"There is no account {account}: make it first with `recado account set {account} --country ES`.")
    with twice(file) as (stream, size), _reported(report) as refuse, post(settings) as office:
        result = Import(account, found.country, Path(file).name, key, office)
        with progress("importing", size, quiet=as_json) as step:
            for refusal in result.run(stream, step):
                refuse(refusal)
    if as_json:
        emit(result.summary())
        return
    click.echo(f"{result.imported:,} contacts imported, {result.refused:,} rows refused.")
    if result.skipped:
        click.echo(f"Columns that Recado does not know, skipped: {', '.join(result.skipped)}.")
    if result.first:
        table(("line", "column", "shape", "reason"), [(r.line, r.column, r.value, r.reason) for r in result.first])
        if result.refused > len(result.first):
            click.echo(
                f"and {result.refused - len(result.first):,} more{'' if report else ': --report writes them all'}"
            )


class Import:
    """One import: rows in, contact updates out. What it made can be asked of it afterwards."""

    def __init__(self, account: str, country: str | None, named: str, key: str | None, office: Publisher) -> None:
        self.imported = self.refused = 0
        self.skipped: list[str] = []
        self.first: list[Refusal] = []
        self._account, self._country, self._named, self._key, self._office = account, country, named, key, office

    def run(self, stream: BinaryIO, step: Any) -> Iterator[Refusal]:
        """Send every good row, yield every refused one. Raises Unreadable for a file that is no list of contacts."""
        from connectors.files.contacts import Refusal, read

        file = hashlib.blake2b(digest_size=16)
        while piece := stream.read(1 << 20):
            file.update(piece)
        digest = file.digest()
        stream.seek(0)
        columns, rows = read(stream, phone_rule(self._country), self._key)
        self.skipped = list(columns.skipped)
        now, told = int(time.time() * 1000), 0
        for row in rows:
            if isinstance(row, Refusal):
                self.refused += 1
                if len(self.first) < _SHOWN:
                    self.first.append(row)
                yield row
            else:
                self._send(row, digest, now)
                self.imported += 1
            if stream.tell() - told >= _TOLD_EVERY:
                step(stream.tell() - told)
                told = stream.tell()

    def _send(self, row: Row, digest: bytes, now: int) -> None:
        from events.codec import encode_input
        from events.contact import ContactUpdated
        from events.envelope import Input
        from events.topics import Role

        subject = f"{self._account}/{row.contact}"
        name = hashlib.blake2b(digest + row.digest + subject.encode(), digest_size=16).hexdigest()
        data = ContactUpdated(via="import", fields=dict(row.fields), evidence=f"{self._named}, line {row.line}"[:1000])
        event = Input.of(data, id=name, source="/recado/import", subject=subject, time=now)
        self._office.publish(Role.CONTACTS, subject.encode(), encode_input(event), row.line)

    def summary(self) -> dict[str, Any]:
        """For --json; values by their shape only."""
        return {
            "imported": self.imported,
            "refused": self.refused,
            "skipped_columns": self.skipped,
            "rows": [{"line": r.line, "column": r.column, "shape": r.value, "reason": r.reason} for r in self.first],
        }


def phone_rule(country: str | None) -> PhoneRule:
    """Why a written number cannot be that of a contact of this account, in words; None where it can."""
    from projections.phone import Phone, normalize

    def rule(written: str) -> str | None:
        found = normalize(written, country)
        return None if isinstance(found, Phone) else _WHY[found.reason]

    return rule


@contextmanager
def _reported(path: Path | None) -> Iterator[Any]:
    with path.open("w", encoding="utf-8", newline="") if path else nullcontext() as stream:
        if stream is None:
            yield lambda _: None
            return
        report = csv.writer(stream)
        report.writerow(("line", "column", "shape", "reason"))
        yield lambda r: report.writerow((r.line, r.column, r.value, r.reason))

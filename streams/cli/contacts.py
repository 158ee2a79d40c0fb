"""`recado import`: contacts from a CSV file, by Connectif's import rules."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.printing import as_json, counted, emit, table, visible
from streams.cli.refusal import Refused

if TYPE_CHECKING:
    from connectors.files.checkpoint import Checkpoint
    from connectors.files.contact_import import ContactImport
    from connectors.files.contacts import Refusal
    from connectors.kafka.outbox import Outbox
    from streams.cli.printing import CountedStep
    from streams.settings import Settings

_SHOWN = 20  # refused rows that are printed; all of them are in the report
_OPENING = 30.0  # seconds that the broker may take to be reached
_ATTEMPTS = 3  # at writing one chunk
_KEPT_EVERY = 1.0  # seconds between two writings of the checkpoint


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True))
@click.option("--account", required=True, help="The account the contacts belong to; it must exist.")
@click.option("--key", metavar="COLUMN", help="The column that names the contact, if not email or external_id.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="A CSV file for the refused rows.")
@as_json
def import_contacts(file: str, account: str, key: str | None, report: Path | None, as_json: bool) -> None:
    """Import contacts from a CSV file by Connectif's rules. `-` is standard input.

    The first line names the columns, as _mobilePhone or as people write (Teléfono, Móvil, Email): an e-mail or an
    external id is the key; _mobilePhone, _mobilePhoneStatus and _smsSubscriptionStatus are the system's; the rest are
    the account's custom fields. An empty cell leaves a field as it is. A wrong row is refused and told, the others are
    imported. Importing the same file again changes nothing; what a crash cut off goes on where it was.

    \b
    Example:  recado import contacts.csv --account acme --report refused.csv
    """
    from importlib import metadata

    from connectors.files.checkpoint import Checkpoint
    from connectors.files.contact_import import ContactImport
    from connectors.files.lines import twice
    from connectors.http.imports import summary
    from streams.cli import place

    given = place.settings()
    settings = place.located(given)
    found = place.directory(settings).account(account)
    if found is None:
        raise Refused(f"There is no account {account}: make it first with `recado account set {account} --country ES`.")
    first: list[Refusal] = []
    with twice(file) as (stream, size), _reported(report) as refuse:
        done = ContactImport(stream, account, found.country, Path(file).name, key, int(time.time() * 1000))
        broker = "embedded" if settings.embedded else settings.kafka or ""
        # With another country, or another edition of the plans, other rows are refused: what was counted means nothing.
        rules = (found.country or "", metadata.version("phonenumbers"))
        kept = Checkpoint(
            settings.data / "imports", (broker, settings.topic_prefix, account, key or "", *rules, done.whole.digest)
        )

        def told(refusals: list[Refusal]) -> None:
            refuse(refusals)
            first.extend(refusals[: _SHOWN - len(first)])

        with counted("importing", size, "rows", quiet=as_json) as step:
            sealed = [account] if found.privacy == "sealed" else []
            asyncio.run(_send(settings, done, kept, told, step, sealed))
    if as_json:
        emit(summary(done, first))
        return
    click.echo(f"{done.imported:,} contacts imported, {done.refused:,} rows refused.")
    if done.columns.meant:
        click.echo(visible(f"Columns read as: {', '.join(f'{a} as {b}' for a, b in done.columns.meant.items())}."))
    if done.columns.skipped:
        click.echo(visible(f"Columns that Recado does not know, skipped: {', '.join(done.columns.skipped)}."))
    if first:
        table(("line", "column", "shape", "reason"), [(r.line, r.column, r.value, r.reason) for r in first])
        if done.refused > len(first):
            click.echo(f"and {done.refused - len(first):,} more{'' if report else ': --report writes them all'}")


async def _send(
    settings: Settings,
    done: ContactImport,
    kept: Checkpoint,
    refuse: Callable[[list[Refusal]], None],
    step: CountedStep,
    sealed: list[str],
) -> None:
    """Write every chunk, in order, and keep how far it came."""
    from events.topics import Role

    before, read, at = kept.read(), 0, time.monotonic()
    if before:
        click.echo(
            f"An earlier import of this file broke off after {before:,} contacts: going on from there.", err=True
        )
    async with _outbox(settings, sealed) as outbox:
        for chunk in done.chunks(before):
            refuse(chunk.refusals)
            if chunk.events:
                await _post(outbox, [outbox.record(Role.CONTACTS, *event) for event in chunk.events], done)
            step(chunk.read - read, len(chunk.events) + len(chunk.refusals))
            read = chunk.read
            if time.monotonic() - at >= _KEPT_EVERY and done.imported > before:
                kept.write(done.imported)
                at = time.monotonic()
    kept.clear()


async def _post(outbox: Outbox, records: list[object], done: ContactImport) -> None:
    from connectors.kafka.appender import KafkaAppender, NotDurable

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await outbox.post(records)  # type: ignore[arg-type]
            return
        except NotDurable as error:
            if attempt == _ATTEMPTS:
                raise Refused(
                    f"Kafka did not take the rows before number {done.rows:,} ({error}): import the file again when "
                    "the broker is well; what it took changes nothing then."
                ) from None
            click.echo(f"Kafka did not take the last rows yet ({error}): trying again.", err=True)
            assert isinstance(outbox.appender, KafkaAppender)  # noqa: S101
            await outbox.appender.opened(_OPENING)


@asynccontextmanager
async def _outbox(settings: Settings, sealed: list[str]) -> AsyncIterator[Outbox]:
    from connectors.kafka.appender import KafkaAppender
    from connectors.kafka.outbox import Outbox
    from streams.cli.place import client, partitions, seals

    appender = KafkaAppender(client(settings))
    await appender.open(_OPENING)
    try:
        yield Outbox(
            appender, settings.topic_prefix, await asyncio.to_thread(partitions, settings), ack_timeout=60.0,
            sealed=lambda: sealed, seals=seals(settings) if sealed else None,
        )  # fmt: skip
    finally:
        await appender.close()


@contextmanager
def _reported(path: Path | None) -> Iterator[Callable[[list[Refusal]], None]]:
    """A report that only its owner can read: it holds what people's rows said."""
    from connectors.files.contact_import import Report

    if path is None:
        yield lambda _: None
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as f:
        yield Report(f).add

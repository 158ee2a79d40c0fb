"""What `recado send --dry-run` finds and shows: one send, or a file of them in constant memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import orjson

from connectors.admission import Standards
from connectors.files.events import Event, Problem, read
from connectors.files.lines import twice
from connectors.files.scratch import Scratch
from connectors.readmodel.histories import attempted, histories, positions
from connectors.tokens import sealed
from events.codec import decode_input
from events.envelope import Input, Undecodable
from events.shape import Class
from events.topics import SENDS_OF, Role, name
from projections.account import Account, Directory
from streams.cli import place
from streams.cli.expectation import WOULD, Sums, sentence, shown, why
from streams.cli.printing import counted, emit, pairs, table, visible
from streams.cli.questions import read_model
from streams.rehearsal import Rehearsal

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from streams.settings import Settings

_PORTION = 500  # lines whose contacts are looked up at once
_SHOWN = 20  # lines that would not go and are printed
_NOTE = "As of now; eligibility is decided anew when the SMS is about to go."


def of_one(
    settings: Settings, directory: Directory, event: Input, class_: Class, price: Decimal | None, *, as_json: bool
) -> None:
    """Show what would become of one request."""
    with read_model() as engine, Scratch() as view:
        run = _rehearsal(settings, directory, view, engine)
        run.remember(histories(engine, [event.subject]))
        expected = run.take(event, SENDS_OF[class_])
        behind = _behind(settings, engine)
    assert expected is not None  # noqa: S101 - it asks for an SMS
    told = shown(expected, directory, price)
    if as_json:
        emit(told | {"facts_behind": behind})
        return
    click.echo(visible(sentence(expected)))
    last = expected.steps[-1]
    if last.detail:
        click.echo(visible(f"({last.detail})"))
    if last.attempted is not None:
        lines = ("to", "sender", "template", "template_version", "labels", "encoding", "parts", "cost", "text")
        values = {line.replace("_", " "): told[line] for line in lines if told[line] is not None}
        values["labels"] = ", ".join(told["labels"]) or None
        if told["cost"] is not None:
            values["cost"] = f"{told['cost']} {told['currency']}"
        pairs(values)
    for check in told["checks"]:
        click.echo(visible(f"  - {check['words']}"))
    _notes(behind)


def of_file(path: str, class_: Class | None, price: Decimal | None, report: Path | None, *, as_json: bool) -> None:
    """Show what would become of each line of a file. Exit status 1 where lines are wrong."""
    settings = place.located(place.settings())
    directory = place.directory(settings)
    sums, first = Sums(), list[dict[str, Any]]()
    with twice(path) as (stream, size), read_model() as engine, Scratch() as view, _reported(report) as keep:
        run = _rehearsal(settings, directory, view, engine)
        with counted("rehearsing", size, "lines", quiet=as_json) as step:
            lines = read(stream, class_, partial(sealed, bytes(32)), Standards(lambda: directory))
            for portion in _portions(lines):
                for told in _portion(run, engine, view, portion, directory, price):
                    if told["outcome"] in WOULD:
                        sums.add(told)
                    else:
                        sums.wrong += told["outcome"] == "wrong"
                        sums.others += told["outcome"] == "other"
                    keep(told)
                    if as_json:
                        emit(told)
                    elif told["outcome"] not in ("go", "other") and len(first) < _SHOWN:
                        first.append(told)
                view.relieve()
                step(sum(line.size for line in portion), len(portion))
        behind = _behind(settings, engine)
    if as_json:
        emit({"summary": sums.as_json() | {"facts_behind": behind}})
    else:
        sums.show()
        if first:
            click.echo()
            table(("line", "contact", "outcome", "why"), [_row(told) for told in first])
            more = sums.outcomes.total() - sum(n for (o, _), n in sums.outcomes.items() if o == "go") + sums.wrong
            if more > len(first):
                click.echo(f"and {more - len(first):,} more{'' if report else ': --report writes them all'}")
        _notes(behind)
    if sums.wrong:
        click.get_current_context().exit(1)


def _portion(
    run: Rehearsal, engine: Engine, view: Scratch, lines: Sequence[Event | Problem], directory: Directory,
    price: Decimal | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The lines one after the other, behind one look-up of all their contacts."""
    new = {line.subject for line in lines if isinstance(line, Event) and "/" in line.subject}
    new = {subject for subject in new if view.get(_KNOWN + subject.encode()) is None}
    run.remember(histories(engine, sorted(new)))
    for subject in new:
        view.put(_KNOWN + subject.encode(), 1)
    for line in lines:
        if isinstance(line, Problem):
            yield {"line": line.line, "outcome": "wrong", "reason": line.reason, "detail": line.detail}
        elif line.role is Role.ACCOUNTS:
            yield {"line": line.line, "outcome": "other", "reason": "account", "detail": "settings are those of now"}
        else:
            yield {"line": line.line} | _line(run, line, directory, price)


_KNOWN = b"p/known/"  # marks in the scratch state whose history was looked up


def _line(run: Rehearsal, line: Event, directory: Directory, price: Decimal | None) -> dict[str, Any]:
    try:
        expected = run.take(decode_input(line.role, line.value), line.role)
    except Undecodable as error:
        return {"outcome": "wrong", "reason": error.reason, "detail": error.detail}
    if expected is None:
        return {"outcome": "other", "reason": line.role.value, "detail": ""}
    return shown(expected, directory, price)


def _row(told: dict[str, Any]) -> tuple[Any, ...]:
    if told["outcome"] == "wrong":
        return told["line"], "", "wrong", told["detail"]
    return told["line"], told["contact"], WOULD[told["outcome"]], why(told)


def _notes(behind: int) -> None:
    click.echo(_NOTE, err=True)
    if behind:
        click.echo(f"The read model is {behind:,} records behind the journal: wait for it, and ask again.", err=True)


def _rehearsal(settings: Settings, directory: Directory, view: Scratch, engine: Engine) -> Rehearsal:
    from connectors.credentials import link_key, mac_key, number_key, wrapping_key
    from events.cipher import KEY_BYTES
    from projections import keyring
    from projections.keyring import KEYS, Keyring
    from streams.deciders.request import Links

    secret = settings.secret()
    links = Links(link_key(secret), settings.public_url)
    now = int(time.time() * 1000)
    keys = Keyring(wrapping_key(secret), number_key(secret), lambda _: os.urandom(KEY_BYTES))
    if directory.unsealing:
        for record in place.records(settings, Role.KEYS):
            key, wrapped = KEYS + (record.key or b""), keyring.read(record.value)
            view.delete(key) if wrapped is None else view.put(key, wrapped)
            view.relieve()

    def sent(account: str, day: str) -> int:
        zone = ZoneInfo((directory.account(account) or Account(account)).customs.timezone)
        begins = datetime.fromisoformat(day).replace(tzinfo=zone)
        bounds = (int(at.timestamp() * 1000) for at in (begins, begins + timedelta(days=1)))
        return attempted(engine, account, *bounds)

    return Rehearsal(view, directory, now, place.partitions(settings), mac_key(secret), links, keys, sent)


def _behind(settings: Settings, engine: Engine) -> int:
    """Records of the journal that the read model has not read yet."""
    from connectors.kafka.admin import Admin

    topic = name(settings.topic_prefix, Role.JOURNAL)
    with Admin(settings.kafka or "", settings.security) as admin:
        ends = admin.end_offsets([topic], committed=True)
    read_up_to = positions(engine, topic)
    return sum(max(end - read_up_to.get(partition, 0), 0) for (_, partition), end in ends.items())


def _portions(lines: Iterator[Event | Problem]) -> Iterator[list[Event | Problem]]:
    from itertools import islice

    while portion := list(islice(lines, _PORTION)):
        yield portion


@contextmanager
def _reported(path: Path | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A report that only its owner can read: it holds numbers and texts."""
    if path is None:
        yield lambda _: None
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:

        def keep(told: dict[str, Any]) -> None:
            stream.write(orjson.dumps(told, default=str) + b"\n")

        yield keep

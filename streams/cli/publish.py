"""`recado publish`: events from a file, all judged before the first is sent."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

import click

from streams.cli.printing import as_json, emit, pairs, progress, visible
from streams.cli.refusal import Refused

if TYPE_CHECKING:
    from connectors.admission import Sealer, Standards
    from connectors.files.events import Problem
    from events.shape import Class
    from streams.settings import Settings

_SHOWN = 50  # problems that are printed; the others are counted


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True))
@click.option(
    "--class", "class_", type=click.Choice(["transactional", "newsletter"]), help="The class of sends that name none."
)
@as_json
def publish(file: str, class_: Class | None, as_json: bool) -> None:
    """Publish a file of CloudEvents, one a line, each to the topic its type belongs to. `-` is standard input.

    The whole file is judged first: if a line is wrong, every wrong line is told and nothing is sent. A template is
    judged as `recado template set` judges it. A line's bytes are sent as they are; of an account whose privacy is
    `sealed`, with their data sealed. A provider's token in an account's settings is sealed.

    \b
    Example:  recado publish --class newsletter campaign.jsonl
    """
    from connectors.admission import Standards
    from connectors.files.lines import twice

    with twice(file) as (stream, size):
        from streams.cli import place

        seal, standards = sealer(), Standards(cache(lambda: place.directory(place.located(place.settings()))))
        judge(stream, size, class_, seal, standards, as_json=as_json)
        counts = send(stream, size, class_, place.located(place.settings()), seal, quiet=as_json)
    if as_json:
        emit({"published": counts.total(), "topics": dict(counts), "errors": []})
        return
    click.echo(f"{counts.total():,} events published.")
    pairs({f"  {topic}": f"{n:,}" for topic, n in counts.items()})


def judge(
    stream: BinaryIO, size: int, class_: Class | None, seal: Sealer, standards: Standards, *, as_json: bool
) -> None:
    """First pass: raise Refused if any line is wrong, after telling which and why."""
    from connectors.files.events import Event, read

    problems: list[Problem] = []
    refused = total = 0
    with progress("judging", size, quiet=as_json) as step:
        for found in read(stream, class_, seal, standards):
            total += 1
            step(found.size)
            if isinstance(found, Event):
                continue
            refused += 1
            if len(problems) < _SHOWN or as_json:
                problems.append(found)
    if not refused:
        return
    if as_json:
        emit(
            {
                "published": 0,
                "topics": {},
                "errors": [{"line": p.line, "reason": p.reason, "detail": p.detail} for p in problems[:10_000]],
            }
        )
    else:
        for problem in problems:
            click.echo(f"line {problem.line}: {visible(problem.detail)} ({problem.reason})", err=True)
        if refused > len(problems):
            click.echo(f"and {refused - len(problems):,} more", err=True)
    raise Refused(f"{refused:,} of {total:,} lines are wrong; nothing was sent: mend them and publish the file again.")


def send(
    stream: BinaryIO, size: int, class_: Class | None, settings: Settings, seal: Sealer, *, quiet: bool
) -> Counter[str]:
    """Second pass: send every line to its topic; how many went where. Raises Refused if the file changed meanwhile."""
    import asyncio

    from connectors.files.events import Event, read
    from events import inbox
    from streams.cli import place
    from streams.cli.post import post

    stream.seek(0)
    sealed, seals = place.directory(settings).sealed, place.seals(settings)
    by: dict[str, inbox.Seal] = {}
    counts: Counter[str] = Counter()
    with post(settings) as office, progress("publishing", size, quiet=quiet) as step:
        for found in read(stream, class_, seal):
            if not isinstance(found, Event):
                raise Refused(f"Line {found.line} changed while it was published: {counts.total():,} events were sent.")
            account, of_contact, _ = found.subject.partition("/")
            value = found.value
            if of_contact and account in sealed:
                if account not in by:
                    by[account] = asyncio.run(seals.seal(account))
                value = inbox.seal(value, by[account])
            office.publish(found.role, found.subject.encode(), value, found.line)
            counts[found.role.value] += 1
            step(found.size)
    return counts


def sealer() -> Sealer:
    """One that looks for RECADO_SECRET only where there is something to seal, and then once."""
    from connectors.tokens import sealed
    from streams.cli import place

    secret = cache(lambda: place.settings().secret())
    return lambda account, data: sealed(secret(), account, data)

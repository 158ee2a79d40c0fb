"""`recado dead-letters`: what could not be read or processed, why, and once more with feeling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from streams.cli.printing import as_json, emit, pairs, table
from streams.cli.refusal import Refused

if TYPE_CHECKING:
    from events.dead_letter import DeadLetter
    from streams.settings import Settings

_SHOWN = 4096  # bytes of an original that `show --reveal` prints


@click.group("dead-letters")
def dead_letters() -> None:
    """Records that could not be read or processed; each has a number, its offset in the topic."""


@dead_letters.command("list")
@click.option("--reason", help="Only those with this reason, such as schema.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@as_json
def list_(reason: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, the newest last. Nothing personal is shown.

    \b
    Example:  recado dead-letters list --reason schema
    """
    from collections import deque

    wanted = ((number, letter) for number, letter in _letters() if reason in (None, letter.reason))
    found: deque[tuple[int, DeadLetter]] = deque(maxlen=limit)
    older = 0
    for each in wanted:
        older += len(found) == limit
        found.append(each)
    if as_json:
        emit([_summary(number, letter) for number, letter in found])
        return
    if not found:
        click.echo("There are no dead letters.")
        return
    rows = [(n, _time(letter), _where(letter), letter.reason, letter.detail[:80]) for n, letter in found]
    table(("number", "time", "from", "reason", "detail"), rows)
    if older:
        click.echo(f"and {older:,} older: --limit shows more")


@dead_letters.command()
@click.argument("number", type=int)
@click.option("--reveal", is_flag=True, help="Show the original bytes, which may hold personal data.")
@as_json
def show(number: int, reveal: bool, as_json: bool) -> None:
    """Show one dead letter. Its original bytes only with --reveal.

    \b
    Example:  recado dead-letters show 17 --reveal
    """
    letter = _one(number)
    answer = _summary(number, letter)
    if reveal:
        letter = _revealed(letter)
        answer["key"] = _text(letter.key)
        answer["original"] = _text(_clear(letter.original))
    if as_json:
        emit(answer)
        return
    pairs(answer)
    if not reveal:
        click.echo("The original may hold personal data: --reveal shows it.")


@dead_letters.command()
@click.argument("number", type=int, nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Every dead letter, of one reason with --reason.")
@click.option("--reason", help="Only those with this reason.")
@as_json
def replay(number: tuple[int, ...], all_: bool, reason: str | None, as_json: bool) -> None:
    """Send the original bytes to their topic again, after what was wrong has been mended.

    What was processed meanwhile changes nothing the second time. One that is still wrong becomes a new dead letter.

    \b
    Example:  recado dead-letters replay 17 18
    """
    from streams.cli import place
    from streams.cli.post import post

    if bool(number) == all_:
        raise Refused("Name the numbers to replay, or --all.")
    settings = place.located(place.settings())
    wanted, sent, cut = set(number), [], []
    letters = [
        (n, letter)
        for n, letter in _letters(settings)
        if (all_ or n in wanted)
        and reason in (None, letter.reason)
        and (letter.original is not None or letter.sealed is not None)
    ]
    missing = wanted - {n for n, _ in letters}
    if missing:
        raise Refused(f"There is no such dead letter to replay: {', '.join(map(str, sorted(missing)))}.")
    with post(settings) as office:
        for n, letter in letters:
            if not letter.whole:
                cut.append(n)
                continue
            letter = _revealed(letter, settings)  # noqa: PLW2901
            office.publish(_role(letter, settings), letter.key, letter.original or b"", n, letter.partition)
            sent.append(n)
    if as_json:
        emit({"replayed": sent, "not_whole": cut})
        return
    click.echo(f"{len(sent)} replayed.")
    if cut:
        click.echo(f"Not replayed, as only their beginning was kept, or they were timers: {', '.join(map(str, cut))}.")


def _letters(settings: Settings | None = None) -> Iterator[tuple[int, DeadLetter]]:
    from events.dead_letter import decode_dead_letter
    from events.topics import Role
    from streams.cli import place

    located = place.located(settings or place.settings())
    for record in place.records(located, Role.DEAD_LETTERS):
        try:
            yield record.offset, decode_dead_letter(record.value or b"")
        except ValueError:
            click.echo(f"number {record.offset} is no dead letter of Recado and is passed over.", err=True)


def _revealed(letter: DeadLetter, settings: Settings | None = None) -> DeadLetter:
    from streams.cli import place
    from streams.cli.unsealing import Unsealing

    return letter if letter.sealed is None else Unsealing(settings or place.located(place.settings())).letter(letter)


def _clear(original: bytes | None) -> bytes | None:
    from streams.cli import place
    from streams.cli.unsealing import Unsealing

    if original is None or b'"sealed":"i1.' not in original:
        return original
    return Unsealing(place.located(place.settings())).original(original)


def _one(number: int) -> DeadLetter:
    found = next((letter for n, letter in _letters() if n == number), None)
    if found is None:
        raise Refused(f"There is no dead letter {number}: `recado dead-letters list` shows those that there are.")
    return found


def _role(letter: DeadLetter, settings: Settings) -> Any:
    from events.topics import Role, role_of

    named = role_of(settings.topic_prefix, letter.topic)
    return named or Role(letter.topic)


def _summary(number: int, letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": number,
        "time": _time(letter),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "bytes": letter.size,
        "whole": letter.whole,
    }


def _where(letter: DeadLetter) -> str:
    return f"{letter.topic}[{letter.partition}]@{letter.offset}"


def _time(letter: DeadLetter) -> str:
    from events import instant

    return instant.render(letter.at)


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    shown = value[:_SHOWN].decode("utf-8", "backslashreplace")
    return shown if len(value) <= _SHOWN else f"{shown}… ({len(value):,} bytes)"

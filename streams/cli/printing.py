"""How commands speak: JSON for programs, tables for people, progress as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

_C1 = re.compile("[\x7f-\x9f]")
_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # Unicode categories: control, format, surrogate, line, paragraph
_LINE_EVERY = 5.0  # seconds between progress lines where there is no terminal

Step = Callable[[int], None]  # told how much further it got
CountedStep = Callable[[int, int], None]  # told how much further it got, and how many more things that were

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def emit(value: object) -> None:
    """Print a value as JSON: one line, so that a shell can take it apart."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    click.echo(_C1.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # JSON lets them stand, a terminal obeys them


def pairs(values: Mapping[str, object]) -> None:
    """Print names and values, aligned. None prints as a dash."""
    shown = [(visible(name), _cell(value)) for name, value in values.items()]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name:<{width}}  {value}")


def visible(text: str) -> str:
    """The text with control and format characters written out: what others sent us may not steer a terminal, start a
    line of its own or reverse the one it is in."""
    if text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in _STEERING else c for c in text)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else visible(str(value))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header, columns aligned."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    for line in [list(header), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@contextmanager
def progress(label: str, total: int, *, quiet: bool = False) -> Iterator[Step]:
    """A progress bar on standard error if that is a terminal, else a line now and then; `total` in the steps' unit."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(label, total=max(total, 1))
            yield lambda n: bar.advance(task, n)
    else:
        yield _lines(label, total)


@contextmanager
def counted(label: str, total: int, things: str, *, quiet: bool = False) -> Iterator[CountedStep]:
    """As `progress`, with the rate of what is counted besides and the time left: on a terminal, else in lines."""
    began, done, count, told = time.monotonic(), 0, 0, time.monotonic()

    def rate() -> float:
        return count / max(time.monotonic() - began, 0.001)

    if quiet:
        yield lambda _, __: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        speed = TextColumn("{task.fields[rate]} " + things + "/s")
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), speed, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(label, total=max(total, 1), rate="–")

            def drawn(n: int, more: int) -> None:
                nonlocal count
                count += more
                bar.update(task, advance=n, rate=f"{rate():,.0f}")

            yield drawn
    else:

        def written(n: int, more: int) -> None:
            nonlocal done, count, told
            done, count = done + n, count + more
            if time.monotonic() - told >= _LINE_EVERY:
                told = time.monotonic()
                left = (told - began) * (total - done) / max(done, 1)
                percent = 100 * done // max(total, 1)
                click.echo(f"{label}: {percent} %, {rate():,.0f} {things} a second, {left:,.0f} s left", err=True)

        yield written


def _lines(label: str, total: int) -> Step:
    done, told = 0, time.monotonic()

    def step(n: int) -> None:
        nonlocal done, told
        done += n
        if time.monotonic() - told >= _LINE_EVERY:
            told = time.monotonic()
            click.echo(f"{label}: {100 * done // max(total, 1)} %", err=True)

    return step

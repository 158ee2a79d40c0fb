"""How commands speak: JSON for programs, tables for people, progress as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

_LINE_EVERY = 5.0  # seconds between progress lines where there is no terminal

Step = Callable[[int], None]  # told how much further it got

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def emit(value: object) -> None:
    """Print a value as JSON: one line, so that a shell can take it apart."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def pairs(values: Mapping[str, object]) -> None:
    """Print names and values, aligned. None prints as a dash."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        click.echo(f"{name:<{width}}  {_cell(value)}")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)


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


def _lines(label: str, total: int) -> Step:
    done, told = 0, time.monotonic()

    def step(n: int) -> None:
        nonlocal done, told
        done += n
        if time.monotonic() - told >= _LINE_EVERY:
            told = time.monotonic()
            click.echo(f"{label}: {100 * done // max(total, 1)} %", err=True)

    return step

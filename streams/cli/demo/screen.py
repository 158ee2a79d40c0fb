"""Where the demo's picture goes: a live view on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable

import click

from streams.cli.demo.view import Picture, line, render

_LINE_EVERY = 2.0  # seconds between lines where there is no terminal


def terminal() -> bool:
    """Whether standard output is one."""
    return click.get_text_stream("stdout").isatty()


@contextlib.asynccontextmanager
async def shown() -> AsyncIterator[Callable[[Picture], None]]:
    """A function that shows a picture: live on a terminal, as a line now and then elsewhere."""
    if terminal():
        from rich.live import Live

        with Live(auto_refresh=False, screen=False) as live:
            yield lambda picture: live.update(render(picture), refresh=True)
        return
    told = time.monotonic()

    def tell(picture: Picture) -> None:
        nonlocal told
        if time.monotonic() - told >= _LINE_EVERY:
            told = time.monotonic()
            click.echo(line(picture))

    yield tell

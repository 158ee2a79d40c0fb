"""What the demo shows: one picture of a running Recado, as a rich layout on a terminal and as plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from connectors.kafka.counts import OUTCOMES, Counts
from events.topics import Role
from streams.cli.demo.tally import Tally

SHOWN = (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER, Role.CALLBACKS, Role.ANSWERS)
COLOURS = {
    "accepted": "green",
    "delivered": "green",
    "running": "green",
    "skipped": "yellow",
    "deferred": "cyan",
    "attempted": "cyan",
    "retried": "cyan",
    "refused": "red",
    "unknown": "magenta",
    "given_up": "red",
    "failed": "red",
    "waiting": "yellow",
    "stopping": "yellow",
}
_BLOCKS = "▁▂▃▄▅▆▇█"
_ROOMY = 36  # lines of a terminal on which nothing is left out
_LEAST, _MOST = 2, 12  # lines of outcomes, and of facts
_FRAMES = 3  # lines: a header above the outcomes, a frame around the facts


class Process(NamedTuple):
    """One child: its name, how it stands, its process id while it runs, how often it was started again."""

    name: str
    state: str
    pid: int | None
    restarts: int


@dataclass
class Picture:
    """Everything one frame shows. `lag` is records not yet decided, by topic; `rates` records a second, newest last."""

    title: str
    phase: str
    tally: Tally
    counts: Counts
    lag: Mapping[Role, int] = field(default_factory=dict)
    rates: Sequence[float] = ()
    processes: Sequence[Process] = ()
    notices: Iterable[str] = ()
    footer: str = ""


def render(picture: Picture) -> RenderableType:
    """A frame of the live view, never higher than the terminal: on a small one it has fewer outcomes and facts."""
    return _Frame(picture)


@dataclass(frozen=True)
class _Frame:
    """Each part takes what it needs, and the outcomes and the last facts share the lines that are left."""

    picture: Picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        picture, height = self.picture, console.height - 1  # the cursor stands in the line below
        tight = height < _ROOMY
        above = [_head(picture, options.max_width // 5), _records(picture, tight)]
        below = [_processes(picture.processes), *_notices(picture, tight), Text(picture.footer, style="dim")]
        taken = sum(len(console.render_lines(part, options, pad=False)) for part in (*above, *below))
        left = max(height - taken, 2 * _LEAST + _FRAMES)
        lines = max(len(picture.tally.sends()), len(picture.tally.messages()), 1)
        counted = max(_LEAST, min(_MOST, lines, (left - _FRAMES) // 2))
        yield from above
        yield _counts(picture, counted)
        yield _facts(picture, min(_MOST, left - _FRAMES - counted))
        yield from below


def line(picture: Picture) -> str:
    """The same in one line, for a log or a pipe."""
    counts, sends = picture.counts, picture.tally.sends()
    by_outcome: dict[str, int] = {}
    for (outcome, _), n in sends.items():
        by_outcome[outcome] = by_outcome.get(outcome, 0) + n
    said = ", ".join(f"{n} {outcome}" for outcome, n in by_outcome.items()) or "none yet"
    waiting = sum(picture.lag.values())
    return (
        f"{picture.phase}: {counts.total('read')} records decided, {waiting} waiting, "
        f"{picture.tally.facts} facts; sends: {said}"
    )


def _head(picture: Picture, blocks: int) -> RenderableType:
    pace = picture.rates[-1] if picture.rates else 0
    head = Table.grid(expand=True)
    head.add_column(no_wrap=True)
    head.add_column(justify="right", no_wrap=True)
    head.add_row(
        Text.assemble(("Recado ", "bold"), (picture.phase, "bold cyan")),
        Text.assemble((f"{pace:,.0f} records/s ", "bold"), (_spark(picture.rates[-blocks:]), "cyan")),
    )
    return Group(head, Text(picture.title, style="dim"))


def _records(picture: Picture, tight: bool) -> Table:
    table = Table(
        border_style="dim",
        header_style="dim",
        box=None if tight else box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("records of", no_wrap=True)
    for name in ("read", *OUTCOMES, "lag"):
        table.add_column(name, justify="right")
    for role in SHOWN:
        count = picture.counts.of(role)
        lag = picture.lag.get(role, 0)
        cells = [f"{count[name]:,}" if count[name] else "·" for name in ("read", *OUTCOMES)]
        cells[-1] = f"[red]{cells[-1]}[/red]" if count["dead"] else cells[-1]
        table.add_row(role.value, *cells, f"[yellow]{lag:,}[/yellow]" if lag else "·")
    return table


def _counts(picture: Picture, lines: int) -> RenderableType:
    """What became of the sends, and beside it how the messages stand: a header, and so many lines."""
    sends = [(outcome, reason.replace("_", " "), n) for (outcome, reason), n in picture.tally.sends().items()]
    messages = [(state, "", n) for state, n in picture.tally.messages().items()]
    beside = Table.grid(padding=(0, 6))
    beside.add_row(_counted("sends", sends, lines), _counted("messages", messages, lines))
    return beside


def _counted(title: str, rows: Sequence[tuple[str, str, int]], lines: int) -> Table:
    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column(title, no_wrap=True)
    table.add_column("", justify="right")
    shown = rows if len(rows) <= lines else rows[: lines - 1]
    for name, reason, n in shown or [("none yet", "", 0)]:
        label = Text.assemble((name, COLOURS.get(name, "")), (f" {reason}" if reason else "", "dim"))
        table.add_row(label, f"{n:,}" if n else "·")
    if len(shown) < len(rows):
        others = rows[len(shown) :]
        table.add_row(Text(f"{len(others)} others", style="dim"), f"{sum(n for _, _, n in others):,}")
    return table


def _facts(picture: Picture, lines: int) -> Panel:
    """The newest, in a frame, below each other."""
    facts = Text("\n".join([*picture.tally.last][-lines:]), no_wrap=True, overflow="ellipsis")
    title = f"the last of {picture.tally.facts:,} facts"
    return Panel(facts, title=title, title_align="left", border_style="dim", height=lines + 2)


def _notices(picture: Picture, tight: bool) -> list[Text]:
    """What a person should know, the newest last; of those only the last where there is little room."""
    newest = [*picture.notices][-1 if tight else 0 :]
    return [Text(notice, style="yellow") for notice in newest]


def _processes(processes: Sequence[Process]) -> Text:
    shown = Text()
    for process in processes:
        again = f" (restarted {process.restarts}×)" if process.restarts else ""
        where = f" {process.pid}" if process.pid else ""
        shown.append("● ", COLOURS.get(process.state, "red"))
        shown.append(f"{process.name}{where}{again}   ")
    return shown


def _spark(rates: Sequence[float]) -> str:
    top = max(rates, default=0.0) or 1.0
    return "".join(_BLOCKS[min(int(rate / top * (len(_BLOCKS) - 1) + 0.5), len(_BLOCKS) - 1)] for rate in rates)

"""What the demo shows: one picture of a running Recado, as a rich layout on a terminal and as plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
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
    """A frame of the live view."""
    tally = picture.tally
    head = Text.assemble(("Recado ", "bold"), picture.title, ("   ", ""), (picture.phase, "bold cyan"))
    pace = Text.assemble(
        (f"{picture.rates[-1] if picture.rates else 0:,.0f} records/s ", "bold"), (_spark(picture.rates), "cyan")
    )
    sends = _counted(
        "Sends", [(outcome, reason.replace("_", " "), n) for (outcome, reason), n in tally.sends().items()]
    )
    messages = _counted("Messages", [(state, "", n) for state, n in tally.messages().items()])
    facts = Text("\n".join(tally.last), no_wrap=True, overflow="ellipsis")
    return Group(
        Columns([head, pace], expand=True),
        _records(picture),
        Columns([sends, messages], padding=(0, 3)),
        Panel(facts, title=f"the last of {tally.facts:,} facts", title_align="left", border_style="dim", height=14),
        _processes(picture.processes),
        *(Text(notice, style="yellow") for notice in picture.notices),
        Text(picture.footer, style="dim"),
    )


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


def _records(picture: Picture) -> Table:
    table = Table(
        title="Records",
        title_justify="left",
        border_style="dim",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("topic")
    for name in ("read", *OUTCOMES, "lag"):
        table.add_column(name, justify="right")
    for role in SHOWN:
        count = picture.counts.of(role)
        lag = picture.lag.get(role, 0)
        cells = [f"{count[name]:,}" if count[name] else "·" for name in ("read", *OUTCOMES)]
        cells[-1] = f"[red]{cells[-1]}[/red]" if count["dead"] else cells[-1]
        table.add_row(role.value, *cells, f"[yellow]{lag:,}[/yellow]" if lag else "·")
    return table


def _counted(title: str, rows: Sequence[tuple[str, str, int]]) -> Table:
    table = Table(
        title=title, title_justify="left", border_style="dim", header_style="dim", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("outcome" if title == "Sends" else "state")
    table.add_column("", justify="right")
    for name, reason, n in rows[:12] or [("none yet", "", 0)]:
        label = Text.assemble((name, COLOURS.get(name, "")), (f" {reason}" if reason else "", "dim"))
        table.add_row(label, f"{n:,}" if n else "·")
    return table


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

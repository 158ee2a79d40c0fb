"""What a run came to, as tables for people."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from rich.table import Table

from chaos.faults import ALL
from chaos.plan import Outcome
from chaos.points import POINTS, Deed
from chaos.worker import UNAVAILABLE
from streams.app import FAULT
from streams.cli.supervisor import AGAIN

_DEEDS: Final[tuple[Deed, ...]] = ("kill", "freeze", "fault")
_ENDS = {FAULT: "a fault of the machinery", AGAIN: "fenced by another", UNAVAILABLE: "no broker at the start"}


def tables(outcome: Outcome) -> Iterable[Table]:
    """Fault, times injected, violations; crash point by crash point; hand-overs; figures."""
    yield _faults(outcome)
    if outcome.points:
        yield _points(outcome)
    yield _figures(outcome)


def _faults(outcome: Outcome) -> Table:
    """The violations are of the run: no fault alone can be blamed."""
    found = Table(title=f"chaos, seed {outcome.plan.seed}: {outcome.seconds:.0f} s")
    _columns(found, "fault", "injected", "violations")
    for fault in sorted(outcome.blows, key=_place):
        found.add_row(fault, str(outcome.blows[fault]), "")
    if struck := sum(outcome.points.values()):
        found.add_row("strikes at crash points", str(struck), "")
    for fault in outcome.left_out:
        found.add_row(fault, "–", "needs a broker of its own: leave RECADO_KAFKA unset", style="dim")
    violations = len(outcome.verdict.violations)
    found.add_row("all", str(sum(outcome.blows.values()) + struck), str(violations), style="bold")
    found.add_row("of these SIGKILL", str(outcome.kills), "")
    found.add_section()
    for check, sentences in outcome.verdict.found.items():
        found.add_row(f"check: {check}", "", str(len(sentences)))
    return found


def _points(outcome: Outcome) -> Table:
    found = Table(title="crash points")
    _columns(found, "point", "killed", "frozen", "fault", "struck")
    for point in POINTS:
        times = [outcome.points.get((point, deed), 0) for deed in _DEEDS]
        found.add_row(point, *map(str, times), str(sum(times)))
    return found


def _figures(outcome: Outcome) -> Table:
    found = Table(title="figures")
    _columns(found, "what", "number")
    if outcome.handovers:
        found.add_row("planned stops timed, SIGTERM to the next owner's take-over", str(len(outcome.handovers)))
        found.add_row("  shortest, median, longest", _seconds(outcome.handovers))
    for status in sorted(set(outcome.ended)):
        why = _ENDS.get(status, f"exit status {status}")
        found.add_row(
            f"workers that ended by themselves and were started again: {why}", str(outcome.ended.count(status))
        )
    for name, number in outcome.figures.items():
        found.add_row(name, str(number))
    return found


def _seconds(times: Sequence[float]) -> str:
    return f"{min(times):.2f} s, {median(times):.2f} s, {max(times):.2f} s"


def _columns(table: Table, first: str, *numbers: str) -> None:
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")


def _place(fault: str) -> tuple[int, str]:
    known = list(ALL)
    return (known.index(fault) if fault in known else len(known)), fault

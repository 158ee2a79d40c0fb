"""What many seeds came to, as tables for a person."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from simulation.points import POINTS
from simulation.run import Outcome, Trial


@dataclass(slots=True)
class Tally:
    """The sum of all runs. `fewest_inputs` and `fewest_faults` are those of the poorest seed."""

    seeds: int = 0
    inputs: int = 0
    fewest_inputs: int = 1 << 30
    fewest_faults: int = 1 << 30
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    frozen: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one run."""
        self.seeds += 1
        self.inputs += outcome.inputs
        self.fewest_inputs = min(self.fewest_inputs, outcome.inputs)
        self.fewest_faults = min(self.fewest_faults, outcome.faults.total())
        self.steps += outcome.steps
        self.faults.update(outcome.faults)
        self.passed.update(outcome.passed)
        self.killed.update(outcome.blows["kill"])
        self.frozen.update(outcome.blows["freeze"])
        self.failed.update(outcome.blows["fault"])
        self.violations += [(outcome.seed, violation) for violation in outcome.violations]

    @property
    def missed(self) -> list[str]:
        """Points at which no worker was struck."""
        return [point for point in POINTS if not self.killed[point]]


def tables(tally: Tally, seconds: float, cpu: float) -> Iterator[str]:
    """Lines. `seconds` is what the clock says the run took, `cpu` what it took of one core."""
    yield from _table(("fault", "times"), sorted(tally.faults.items()))
    yield ""
    points = [(p, tally.passed[p], tally.killed[p], tally.frozen[p], tally.failed[p]) for p in POINTS]
    yield from _table(("point", "passed", "killed", "frozen", "failed"), points)
    yield ""
    minute = 60 * tally.seeds
    rows: list[tuple[object, ...]] = [
        ("seeds", tally.seeds),
        ("inputs (fewest of a seed)", f"{tally.inputs:,} ({tally.fewest_inputs})"),
        ("faults (fewest of a seed)", f"{tally.faults.total():,} ({tally.fewest_faults})"),
        ("points reached", f"{len(POINTS) - len(tally.missed)} of {len(POINTS)}"),
        ("steps", f"{tally.steps:,}"),
        ("seeds a minute, by the clock", f"{minute / max(seconds, 0.001):,.0f}"),
        ("seeds a minute of one core", f"{minute / max(cpu, 0.001):,.0f}"),
        ("violations", len(tally.violations)),
    ]
    yield from _table(("", ""), rows)


def trials(done: Sequence[Trial]) -> Iterator[str]:
    """Lines: each mutant, and what it took."""
    rows = [
        (trial.name, trial.seeds if trial.seeds is not None else "NOT CAUGHT", trial.violation[:90]) for trial in done
    ]
    yield from _table(("mutant", "seeds", "caught by"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    """Columns as wide as they must be; numbers to the right."""
    texts = [tuple(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in (head, *texts)) for column in range(len(head))]
    for row in (head, *texts) if any(head) else texts:
        cells = [
            cell.ljust(width) if column == 0 or not cell[:1].isdigit() else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()

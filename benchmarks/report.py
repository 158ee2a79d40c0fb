"""Results as a page: rows with a target, tables behind them, bars for the chart; kept as JSON between runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

BEGIN = "<!-- results: written by `make bench` -->"
END = "<!-- end of results -->"
PACE = (
    "Rows are measured in runs of their own: each says its day, its code (a commit, with + where files were changed "
    "since) and its broker, as far as they are known; the table above is of the last run. The pace is a fixed piece of "
    "Python work on one core, the least of three tries: figures compare where this does. A rented machine shares its "
    "cores with strangers, and doubles it within minutes."
)
UNKNOWN = "–"
SHORTER = 0.9  # of the length of another: seconds end where they may


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the summary. `factor` is measured against `reach`, both as text; `reached` None: not judged."""

    what: str
    recado: str
    against: str
    peer: str
    factor: str
    reach: str
    reached: bool | None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.reached is None:
            return f"not judged: {self.note}" if self.note else "not judged"
        return ("reached" if self.reached else "**not reached**") + (f"; {self.note}" if self.note else "")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of details, with a sentence on how it came about."""

    title: str
    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart."""

    label: str
    value: float
    ours: bool = False


@dataclass(slots=True)
class Section:
    """What one part of the bench came to."""

    rows: list[Row] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    paces: Sequence[int] = ()  # of the machine before and after it: machine.pace, ms
    day: str = ""
    commit: str = ""  # of the code that was measured: machine.commit
    broker: str = ""  # its version

    @staticmethod
    def read(found: Mapping[str, Any]) -> "Section":
        """From the JSON of `asdict`."""
        return Section(
            [Row(**row) for row in found["rows"]],
            [Table(**table) for table in found["tables"]],
            [Bar(**bar) for bar in found["bars"]],
            found.get("paces", ()),
            found.get("day", ""),
            found.get("commit", ""),
            found.get("broker", ""),
        )

    @property
    def length(self) -> int:
        """The largest number in the first column of its tables: of events, or of seconds."""
        first = (str(line[0]).replace(",", "") for table in self.tables for line in table.lines)
        return max((int(each) for each in first if each.isdecimal()), default=0)


@dataclass(frozen=True, slots=True)
class Results:
    """Sections by name, each with where it was measured from; `machine` is that of the last run."""

    sections: Mapping[str, Section]
    machine: Mapping[str, str]

    def after(self, measured: Mapping[str, Section], machine: Mapping[str, str], lasting: Collection[str]) -> "Results":
        """With what was measured in place of what was before; but of the `lasting` ones a longer measurement stays."""
        shorter = {
            name for name, each in measured.items()
            if name in lasting and name in self.sections and each.length < SHORTER * self.sections[name].length
        }  # fmt: skip
        taken = {name: each for name, each in measured.items() if name not in shorter}
        return Results({**self.sections, **taken}, machine)

    @staticmethod
    def load(path: Path) -> "Results":
        """What earlier runs left; nothing where there is no file."""
        try:
            found = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return Results({}, {})
        return Results({name: Section.read(each) for name, each in found["sections"].items()}, found["machine"])

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        sections = {name: asdict(section) for name, section in self.sections.items()}
        path.write_bytes(orjson.dumps({"sections": sections, "machine": self.machine}, option=orjson.OPT_INDENT_2))

    def ordered(self, names: Iterable[str]) -> list[Section]:
        return [self.sections[name] for name in names if name in self.sections]


def table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; the first column to the left, the others to the right."""
    ruler = ["---", *("--:" for _ in columns[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, ruler, *lines))


def page(results: Results, names: Sequence[str], chart: str) -> str:
    """All that stands between the markers."""
    sections = results.ordered(names)
    parts = ["## The machine", table(("what", "is"), [(name, value) for name, value in results.machine.items()])]
    parts += ["### The machine's pace", table(*paces(results, names)), PACE]
    parts += ["## Against the targets", table(*summary(row for section in sections for row in section.rows))]
    if any(section.bars for section in sections):
        parts.append(f"![The light fold, events a second of one worker]({chart})")
    for section in sections:
        for detail in section.tables:
            parts += [f"### {detail.title}", table(detail.columns, detail.lines)]
            if detail.note:
                parts.append(detail.note)
    return "\n\n".join(parts)


def paces(results: Results, names: Iterable[str]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Columns and lines of the table that says when, on what and how fast each row was measured."""
    columns = ("row", "measured", "commit", "Kafka", "ms before and after it")
    return columns, [
        (name, *(told or UNKNOWN for told in (each.day, each.commit, each.broker, " and ".join(map(str, each.paces)))))
        for name in names
        if (each := results.sections.get(name)) is not None
    ]


def summary(rows: Iterable[Row]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Columns and lines of the table of targets."""
    columns = ("what", "Recado", "against", "there", "measured", "to reach", "")
    return columns, [(row.what, row.recado, row.against, row.peer, row.factor, row.reach, row.verdict) for row in rows]


def write(document: Path, content: str) -> None:
    """Put the results between the document's markers. Raises ValueError where it has none."""
    text = document.read_text("utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{document.name} has lost the markers between which results are written")
    head, tail = text.split(BEGIN, 1)[0], text.split(END, 1)[1]
    document.write_text(f"{head}{BEGIN}\n\n{content}\n\n{END}{tail}", "utf-8")

"""Results as a page: rows with a target, tables behind them, bars for the chart; kept as JSON between runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

BEGIN = "<!-- results: written by `make bench` -->"
END = "<!-- end of results -->"
PACE = (
    "A fixed piece of Python work on one core, the least of three tries: figures compare where this does. A rented "
    "machine shares its cores with strangers, and doubles it within minutes."
)


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

    @staticmethod
    def read(found: Mapping[str, Any]) -> "Section":
        """From the JSON of `asdict`."""
        return Section(
            [Row(**row) for row in found["rows"]],
            [Table(**table) for table in found["tables"]],
            [Bar(**bar) for bar in found["bars"]],
            found.get("paces", ()),
            found.get("day", ""),
        )


@dataclass(frozen=True, slots=True)
class Results:
    """Sections by name, in the order of the page, each with the machine and the day it was measured on."""

    sections: Mapping[str, Section]
    machine: Mapping[str, str]

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
    paced = [
        (name, each.day, " and ".join(map(str, each.paces)))
        for name in names
        if (each := results.sections.get(name)) is not None and each.paces
    ]
    if paced:
        parts += ["### The machine's pace", table(("row", "measured", "ms before and after it"), paced), PACE]
    parts += ["## Against the targets", table(*summary(row for section in sections for row in section.rows))]
    if any(section.bars for section in sections):
        parts.append(f"![The light fold, events a second of one worker]({chart})")
    for section in sections:
        for detail in section.tables:
            parts += [f"### {detail.title}", table(detail.columns, detail.lines)]
            if detail.note:
                parts.append(detail.note)
    return "\n\n".join(parts)


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

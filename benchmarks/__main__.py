"""`make bench`: every row, each peer in the same run on one broker; prints them and writes docs/benchmarks.md."""

import argparse
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic

from benchmarks import chart, machine, report
from benchmarks.bench import LONG, SMALL, Bench, Size
from benchmarks.inprocess import MOST, profile
from benchmarks.processes import ROOT
from benchmarks.report import Results, Section
from benchmarks.rows import LASTING, ROWS
from connectors.kafka.embedded import EmbeddedKafka
from connectors.kafka.jars import KAFKA_VERSION

DOCUMENT = ROOT / "docs" / "benchmarks.md"
CHART = DOCUMENT.with_name("benchmarks.svg")
KEPT = DOCUMENT.with_suffix(".json")  # beside the page: in a fresh clone too what is not measured stays
EMBEDDED = f"Apache Kafka {KAFKA_VERSION} embedded, with a heap of 512 MiB, on the same cores as what is measured"


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--long", action="store_true", help="3,000,000 events too, and 10 minutes of overload")
    parser.add_argument("--small", action="store_true", help="tiny sizes: shows that all of it runs, measures nothing")
    parser.add_argument("--events", type=int, help="of the light and the real fold")
    parser.add_argument("--contacts", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--overload", type=float, help="seconds")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--profile", choices=("light", "real"), help="print a profile of the fold instead")
    return parser.parse_args(given)


def size_of(given: argparse.Namespace) -> Size:
    """The chosen size with what was given instead."""
    size = LONG if given.long else SMALL if given.small else Size()
    told = {name: getattr(given, name) for name in ("events", "contacts", "rounds", "overload")}
    return replace(size, **{name: value for name, value in told.items() if value is not None})


def main() -> int:
    given = arguments(sys.argv[1:])
    size = size_of(given)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that subjects, topics and files go as on Ctrl-C
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recado-bench-")))
        if given.profile:
            sys.stdout.write(profile(given.profile, min(size.events, MOST), size.contacts, scratch))
            return 0
        bootstrap, version, broker = os.environ.get("RECADO_KAFKA", ""), "", "given by RECADO_KAFKA"
        if not bootstrap:
            say("an embedded Kafka starts")
            bootstrap, version, broker = stack.enter_context(EmbeddedKafka()).start(scratch), KAFKA_VERSION, EMBEDDED
        bench = Bench(bootstrap, f"bench-{uuid.uuid4().hex[:8]}-", scratch, size, say)
        stack.callback(bench.close)
        measured, failed = measure(bench, given.only or list(ROWS), version)
    show(list(measured.values()))
    if measured and not given.no_write and not given.small:
        results = Results.load(KEPT).after(measured, machine.describe(broker), LASTING)
        results.save(KEPT)
        write(results)
        for name in (name for name, section in measured.items() if results.sections[name] is not section):
            say(f"{name}: the page keeps the longer measurement of {results.sections[name].day or 'before'}")
        say(f"written: {DOCUMENT.relative_to(ROOT)}")
    return 1 if failed else 0


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def measure(bench: Bench, names: Sequence[str], broker: str) -> tuple[dict[str, Section], list[str]]:
    """The sections in the page's order, and the names of those that failed: one that fails does not cost the others."""
    measured: dict[str, Section] = {}
    failed: list[str] = []
    commit = machine.commit()  # of what is loaded: files may change while it is measured
    for name, row in ROWS.items():
        if name not in names:
            continue
        bench.say(f"{name}: {(row.__doc__ or '').splitlines()[0]}")
        began, before = monotonic(), machine.pace()
        try:
            section = measured[name] = row(bench)
            section.paces, section.day = (before, machine.pace()), machine.today()
            section.commit, section.broker = commit, broker
        except Exception as error:  # noqa: BLE001 - said, and told by the exit status
            failed.append(name)
            bench.say(f"  failed: {type(error).__name__}: {error}")
        bench.say(f"  {monotonic() - began:.0f} s")
    return measured, failed


def show(sections: Sequence[Section]) -> None:
    """The details, and then each target with what came of it."""
    for table in (table for section in sections for table in section.tables):
        say(f"\n{table.title}\n{report.table(table.columns, table.lines)}")
    say("")
    for row in (row for section in sections for row in section.rows):
        say(f"{row.what}: {row.recado}")
        against = f"  against {row.against}: {row.peer}" if row.against else ""
        say(f"{against}  {row.factor}  to reach: {row.reach}  {row.verdict.replace('**', '')}")


def write(results: Results) -> None:
    """The page and its chart."""
    bars = [bar for section in results.ordered(ROWS) for bar in section.bars]
    if bars:
        CHART.write_text(chart.svg("The light fold, events a second of one worker", bars), "utf-8")
    report.write(DOCUMENT, report.page(results, list(ROWS), CHART.name))


if __name__ == "__main__":
    sys.exit(main())

"""Each row of the benchmark runs, on numbers that measure nothing; what the subjects leave behind is the same."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks import agreement
from benchmarks.bench import SMALL, Bench
from benchmarks.processes import Kind, SubjectFailed, python
from benchmarks.report import Section
from benchmarks.rows import ROWS

pytestmark = pytest.mark.kafka
SIZE = replace(
    SMALL, events=800, contacts=80, peers=False, trial_events=0, agreement=300, faust_events=200, faust_records=200,
    growth=(400, 800), history=(40, 80), imports=(200, 2_000), requests=5, sends=40, faust_sends=5, overload=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def bench(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all rows, as in `make bench`: later ones use what earlier ones have left."""
    prefix = f"test-bench-{uuid.uuid4().hex[:8]}-"  # of this process's own: others may run rows beside it
    bench = Bench(kafka, prefix, tmp_path_factory.mktemp("bench"), SIZE, lambda line: None)
    yield bench
    bench.close()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_runs(bench: Bench, name: str) -> None:
    section = ROWS[name](bench)
    assert section.rows
    assert all(row.what and row.recado and row.reach for row in section.rows)
    assert section == Section.read({"rows": [_fields(row) for row in section.rows],
                                    "tables": [_fields(table) for table in section.tables],
                                    "bars": [_fields(bar) for bar in section.bars]})  # fmt: skip


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]


def test_a_rebuild_counts_the_facts_that_it_folded_and_no_markers_of_transactions(bench: Bench) -> None:
    folded = {line[1] for line in ROWS["rebuild"](bench).tables[0].lines}
    facts = len(asyncio.run(agreement.read(bench.bootstrap, bench.kept["real"].target)))
    assert folded == {f"{facts:,}"}


def test_a_subject_that_folds_otherwise_is_found_out(bench: Bench) -> None:
    other = Kind("another fold", python("engine"), "exactly once", {"kind": "real"})
    with pytest.raises(SubjectFailed, match="30 of 30 contacts are not as they should"):
        agreement.check(bench, [other])


def test_a_subject_that_ends_is_said_with_its_error(bench: Bench) -> None:
    broken = Kind("broken", python("nonesuch"), "", {})
    with pytest.raises(
        SubjectFailed, match=r"broken ended with status 1: .*No module named benchmarks.subjects.nonesuch"
    ):
        bench.run([broken], bench.source("light"), SIZE.events)

"""Simulated worlds in a short form: no seed shows a violation, every point is struck, and every mistake is caught."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from simulation.mutants import HARMLESS, MUTANTS
from simulation.points import POINTS
from simulation.report import Tally, tables
from simulation.run import Outcome, run, tried
from simulation.variant import Variant

SEEDS = 100
HEAVY = 3  # faults that every seed must have seen at least
ENOUGH = 150  # seeds that a mistake may take


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What a worker logs before it stops is expected here, by the thousand."""
    with caplog.at_level(100):
        yield


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [run(seed) for seed in range(1, SEEDS + 1)]


def test_no_seed_shows_a_violation(outcomes: list[Outcome]) -> None:
    assert [(outcome.seed, outcome.violations) for outcome in outcomes if outcome.violations] == []


def test_every_seed_has_a_hundred_inputs_and_faults_among_them(outcomes: list[Outcome]) -> None:
    assert min(outcome.inputs for outcome in outcomes) >= 100
    assert min(outcome.faults.total() for outcome in outcomes) >= HEAVY


def test_a_worker_was_struck_at_every_point(outcomes: list[Outcome]) -> None:
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    never_passed = [point for point in POINTS if not tally.passed[point]]
    struck = tally.killed + tally.frozen + tally.failed
    assert never_passed == []
    assert [point for point in POINTS if not struck[point]] == []
    assert any(line.startswith("violations") for line in tables(tally, 1.0, 1.0))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mistake_is_caught(mutant: Variant) -> None:
    trial = tried(mutant, 1, ENOUGH)
    assert trial.seeds is not None, trial.violation


@pytest.mark.parametrize("variant", HARMLESS, ids=lambda variant: variant.name.replace(" ", "-"))
def test_what_is_no_mistake_shows_no_violation(variant: Variant) -> None:
    assert tried(variant, 1, 15).violation == ""


def test_the_same_seed_is_the_same_run_in_another_process(outcomes: list[Outcome]) -> None:
    again = subprocess.run(
        [sys.executable, "-m", "simulation", "--seed", "7", "--trace"], capture_output=True, text=True, check=True
    )
    assert outcomes[6].digest in again.stdout.splitlines()[-1]
    assert "commits partition" in again.stdout


def test_another_seed_is_another_run(outcomes: list[Outcome]) -> None:
    assert len({outcome.digest for outcome in outcomes}) == SEEDS

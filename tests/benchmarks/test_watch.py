"""A rate leaves the beginning out and counts to the first moment at which all was there."""

import pytest

from benchmarks.processes import Usage
from benchmarks.watch import Sample, rate


def samples(*counts: float) -> list[Sample]:
    """One a second, each with half a second of CPU more."""
    return [Sample(float(at), count, Usage(at / 2, 100 + at)) for at, count in enumerate(counts)]


def test_a_rate_is_taken_behind_the_first_fifth() -> None:
    found = rate(samples(0, 100, 250, 600, 1_000, 1_000), 1_000)
    assert (found.events, found.seconds, found.cpu, found.memory) == (750, 2.0, 1.0, 105)
    assert found.per_second == 375
    assert found.per_cpu_second == 750


def test_where_all_came_at_once_it_is_taken_from_the_last_moment_without() -> None:
    found = rate(samples(0, 0, 1_000), 1_000)
    assert (found.events, found.seconds) == (1_000, 1.0)


def test_what_never_came_has_no_rate() -> None:
    with pytest.raises(StopIteration):
        rate(samples(0, 10), 1_000)

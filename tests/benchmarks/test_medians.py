"""Which of the rounds counts: the middle one, and of two the slower."""

import pytest

from benchmarks.rows.light import median
from benchmarks.rows.recovery import middle
from benchmarks.watch import Rate


@pytest.mark.parametrize(("seconds", "counts"), [([3.0], 3.0), ([3.0, 5.0], 5.0), ([5.0, 9.0, 3.0], 5.0)])
def test_of_the_rounds_of_a_recovery_the_middle_one_counts(seconds: list[float], counts: float) -> None:
    assert middle([(1_000, took) for took in seconds]) == (1_000, counts)


@pytest.mark.parametrize(("speeds", "counts"), [([3], 3), ([3, 5], 3), ([5, 9, 3], 5)])
def test_of_the_rounds_of_a_fold_the_middle_one_counts(speeds: list[int], counts: int) -> None:
    assert median([Rate(speed, 1.0, 1.0, 0) for speed in speeds]).per_second == counts

"""An account's day between partitions and workers: never exceeded, and wholly usable by one who owns all."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from projections import keyspace
from projections.keyspace import MemoryView
from projections.quota import day, part, poolable
from streams.allowance import Ledger, PartitionAllowance, Standing

DAY = "2026-11-23"
COUNT = keyspace.day_key("acme", DAY)
PARTITIONS = 4


class Owner:
    """A worker: what it reads is what was durable when it took over, and what it put since."""

    def __init__(self, durable: Mapping[int, MemoryView], owned: frozenset[int]) -> None:
        self.views: dict[int, MemoryView] = {}
        for of in owned:
            self.views[of] = MemoryView()
            self.views[of].values = dict(durable[of].values)
        self.woken = 0
        ledger = Ledger(PARTITIONS, lambda: self.views, self._wake)
        self.allowances: dict[int, PartitionAllowance] = {of: ledger.of(of) for of in owned}

    def _wake(self) -> None:
        self.woken += 1

    def step(self, of: int, sends: int, per_day: int) -> list[Standing]:
        """One step of a pipeline, up to its commit."""
        view = self.views[of]
        self.allowances[of].prepare(view)
        told = []
        for _ in range(sends):
            told.append(self.allowances[of].ask("acme", DAY, per_day))
            if not told[-1].opening and told[-1].sent < told[-1].share:
                view.put(COUNT, (view.get(COUNT) or 0) + 1)
        return told


class Cluster(RuleBasedStateMachine):
    """Workers that share four partitions, in any assignment, dying in the middle of steps."""

    @initialize(per_day=st.integers(0, 12))
    def begin(self, per_day: int) -> None:
        self.per_day = per_day
        self.durable = {of: MemoryView() for of in range(PARTITIONS)}
        self.assign([0] * PARTITIONS)

    @rule(owners=st.lists(st.integers(0, 2), min_size=PARTITIONS, max_size=PARTITIONS))
    def assign(self, owners: list[int]) -> None:
        """A rebalance; also a crash of all, as what was put and not committed is gone."""
        self.of = owners
        self.owners = {
            name: Owner(self.durable, frozenset(of for of in range(PARTITIONS) if owners[of] == name))
            for name in set(owners)
        }

    @rule(of=st.integers(0, PARTITIONS - 1), sends=st.integers(0, 4), dies=st.booleans())
    def step(self, of: int, sends: int, dies: bool) -> None:
        owner = self.owners[self.of[of]]
        owner.step(of, sends, self.per_day)
        if dies:  # before its commit
            self.owners[self.of[of]] = Owner(self.durable, frozenset(owner.views))
        else:
            self.durable[of].values = dict(owner.views[of].values)

    @invariant()
    def no_more_goes_than_the_account_allows(self) -> None:
        assert sum(view.get(COUNT) or 0 for view in self.durable.values()) <= self.per_day

    def teardown(self) -> None:
        """Whoever owns all in the end can use all that is left: at the latest once its marks are durable."""
        if not hasattr(self, "durable"):
            return
        self.assign([0] * PARTITIONS)
        for of in (2, *range(PARTITIONS), 2, *range(PARTITIONS), 2):
            self.step(of, self.per_day if of == 2 else 0, dies=False)
        assert sum(view.get(COUNT) or 0 for view in self.durable.values()) == self.per_day


TestCluster = Cluster.TestCase


def _owner(*owned: int) -> Owner:
    return Owner({of: MemoryView() for of in range(PARTITIONS)}, frozenset(owned))


def test_a_partition_has_its_part_without_asking_anyone() -> None:
    worker = _owner(0, 1, 2, 3)
    assert [standing.share for standing in worker.step(1, 2, 10)] == [3, 3]
    assert worker.step(1, 1, 10) == [Standing(2, 3)]


def test_what_is_beyond_its_part_waits_until_all_partitions_have_marked_the_pool() -> None:
    worker = _owner(0, 1, 2, 3)
    assert worker.step(3, 1, 2) == [Standing(0, 2, opening=True)]
    assert worker.woken == 1
    for of in range(PARTITIONS):
        assert worker.step(of, 0, 2) == []
    assert worker.step(2, 1, 2) == [Standing(0, 2, opening=True)]  # the others may not have committed their marks
    for of in range(PARTITIONS):
        worker.step(of, 0, 2)
    assert worker.step(3, 3, 2) == [Standing(0, 2), Standing(1, 2), Standing(2, 2)]
    assert worker.step(0, 1, 2) == [Standing(2, 2)]


def test_a_pool_is_marked_in_time_where_the_own_part_is_half_used() -> None:
    worker = _owner(0, 1, 2, 3)
    worker.step(0, 5, 40)
    assert worker.woken == 0
    worker.step(0, 1, 40)
    assert worker.woken == 1
    assert not worker.step(0, 1, 40)[0].opening


def test_a_piece_of_a_pool_is_of_no_use() -> None:
    worker = _owner(0, 1, 2, 3)
    for _ in range(5):
        for of in range(PARTITIONS):
            worker.step(of, 1 if of == 3 else 0, 4)
    durable = worker.views
    assert Owner(durable, frozenset((0, 1))).step(0, 1, 4) == [Standing(0, 0)]
    assert Owner(durable, frozenset((0, 1, 2, 3))).step(0, 1, 4) == [Standing(3, 4)]


def test_marks_of_former_days_are_forgotten() -> None:
    worker = _owner(*range(PARTITIONS))
    for number in range(10, 20):
        for of in range(PARTITIONS):
            worker.allowances[of].ask("acme", f"2026-11-{number}", 1)
        for of in range(PARTITIONS):
            worker.allowances[of].prepare(worker.views[of])
    days = [key[-2:] for key, _ in worker.views[2].scan(b"p/pool/acme/", 99)]
    assert days == [b"17", b"18", b"19"]


@given(st.integers(0, 10**9), st.integers(1, 64))
def test_the_parts_are_the_whole(per_day: int, partitions: int) -> None:
    parts = [part(per_day, of, partitions) for of in range(partitions)]
    assert sum(parts) == per_day
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize(
    ("marks", "whole"),
    [
        ({}, []),
        ({0: [0], 1: [1]}, [0, 1]),
        ({0: [0, 1], 1: [0, 1], 2: [2]}, [0, 1, 2]),
        ({0: [0, 1], 2: [2]}, [2]),
        ({0: [0, 1], 1: [1, 2], 2: [2, 3]}, []),  # 2 goes with 3, then 1 with 2, then 0 with 1
    ],
)
def test_what_is_wholly_in_one_hand(marks: dict[int, list[int]], whole: list[int]) -> None:
    assert sorted(poolable({of: frozenset(pool) for of, pool in marks.items()})) == whole


@pytest.mark.parametrize(
    ("now", "timezone", "name"),
    [
        (1_795_417_200_000, "Europe/Madrid", "2026-11-23"),
        (1_795_474_799_999, "Europe/Madrid", "2026-11-23"),
        (1_795_474_800_000, "Europe/Madrid", "2026-11-24"),
        (1_795_417_200_000, "Pacific/Kiritimati", "2026-11-23"),
        (1_795_474_800_000, "UTC", "2026-11-23"),
    ],
)
def test_a_day_is_that_of_the_account_s_time_zone(now: int, timezone: str, name: str) -> None:
    assert day(now, timezone) == name


def test_the_counts_of_a_day_are_forgotten_after_35_days() -> None:
    key, noon = keyspace.day_key("acme", DAY), 1_795_435_200_000
    known: Any = 7
    assert not keyspace.forgettable(key, known, noon + 36 * keyspace.DAY)
    assert keyspace.forgettable(key, known, noon + 38 * keyspace.DAY)

"""How much of an account's day a partition may still use: the port that dispatch asks, and a worker's ledger behind it.

A send counts where it is attempted, once a day (projections/keyspace.py, d/). A partition has its own part of
`per_day`. When that goes to its end, the worker marks a pool in the state of all partitions it owns, each in a commit
of its own; once all are durable their parts are one. A pool that a rebalance tears apart is used no more on that day,
as nobody who owns a piece of it knows what the others used. So the parts in use never add up to more than the day's.
Pure: no clock, no chance.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from projections import keyspace
from projections.keyspace import View
from projections.quota import part, poolable

__all__ = ["UNLIMITED", "Allowance", "Ledger", "PartitionAllowance", "Standing", "Unlimited"]

_MARKS_KEPT: Final = 3  # days whose marks an account has: the present one, and its neighbours in other time zones


class Standing(NamedTuple):
    """Of `share`, the part in this partition's hands, `sent` are used. `opening`: more will be in a moment."""

    sent: int
    share: int
    opening: bool = False


class Allowance(Protocol):
    """Asked by dispatch for each send of an account with a limit."""

    def ask(self, account: str, day: str, per_day: int) -> Standing: ...

    def prepare(self, view: View) -> None:
        """A step of the partition's pipeline begins, what it put before is durable: put the marks that are due."""
        ...


class Unlimited:
    """Nothing was sent yet: for who does not send."""

    def ask(self, account: str, day: str, per_day: int) -> Standing:
        return Standing(0, per_day)

    def prepare(self, view: View) -> None:
        return


UNLIMITED: Final = Unlimited()


class Ledger:
    """What a worker knows of all partitions it owns: `views` are their states. `wake` makes their pipelines step."""

    def __init__(
        self, partitions: int, views: Callable[[], Mapping[int, View]], wake: Callable[[], None] = lambda: None
    ) -> None:
        self._partitions = partitions
        self._views = views
        self._wake = wake
        self._wanted: dict[int, dict[bytes, frozenset[int]]] = {}
        self._pending: dict[int, set[bytes]] = {}  # marks that are put, and may not be durable yet
        self._first: dict[int, set[bytes]] = {}  # marks of this tenure where none had been before

    def of(self, partition: int) -> "PartitionAllowance":
        """That of a partition whose tenure begins: what an earlier one wanted is void."""
        self._wanted.pop(partition, None)
        self._pending.pop(partition, None)
        self._first.pop(partition, None)
        return PartitionAllowance(self, partition)

    def standing(self, partition: int, account: str, day: str, per_day: int) -> Standing:
        """See Allowance."""
        views, mark, count = self._views(), keyspace.pool_key(account, day), keyspace.day_key(account, day)
        marks = {of: frozenset(view.get(mark) or (of,)) for of, view in views.items()}
        pool = poolable(marks)

        def summed(those: frozenset[int]) -> Standing:
            sent = sum(views[of].get(count) or 0 for of in those)
            return Standing(sent, sum(part(per_day, of, self._partitions) for of in those))

        if partition not in pool:
            return summed(frozenset((partition,)))._replace(share=0)
        block = marks[partition]
        if all(marks[of] == block and mark not in self._pending.get(of, ()) for of in block):
            own = summed(block)
            if own.sent < own.share:
                if block != pool and 2 * own.sent >= own.share:  # in time, so that nothing has to wait for it
                    self._want(mark, pool, marks)
                return own
            if block == pool:
                return own
        elif mark in self._first.get(partition, ()):  # as long as the pool is not open, its own part is its own
            own = summed(frozenset((partition,)))
            if own.sent < own.share:
                return own
        whole = summed(pool)
        if whole.sent >= whole.share:
            return whole
        self._want(mark, pool, marks)
        return whole._replace(opening=True)

    def _want(self, mark: bytes, pool: frozenset[int], marks: Mapping[int, frozenset[int]]) -> None:
        for of in pool:
            if marks[of] != pool:
                self._wanted.setdefault(of, {})[mark] = pool
        self._wake()

    def prepare(self, partition: int, view: View) -> None:
        """See Allowance."""
        self._pending.pop(partition, None)
        wanted = self._wanted.pop(partition, None)
        if wanted is None:
            return
        owned = self._views().keys()
        for mark, pool in wanted.items():
            if pool <= owned:
                first = self._first.setdefault(partition, set())
                (first.discard if view.get(mark) else first.add)(mark)
                view.put(mark, sorted(pool))
                self._pending.setdefault(partition, set()).add(mark)
                for old, _ in view.scan(mark[: mark.rindex(b"/") + 1], 2 * _MARKS_KEPT)[:-_MARKS_KEPT]:
                    view.delete(old)


class PartitionAllowance:
    """The Allowance of one partition's deciders."""

    def __init__(self, ledger: Ledger, partition: int) -> None:
        self._ledger = ledger
        self._partition = partition

    def ask(self, account: str, day: str, per_day: int) -> Standing:
        """See Allowance."""
        return self._ledger.standing(self._partition, account, day, per_day)

    def prepare(self, view: View) -> None:
        """See Allowance."""
        self._ledger.prepare(self._partition, view)

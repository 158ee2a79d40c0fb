"""What the sweeper looks for, out of the states of the partitions that a worker owns now."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from connectors.ports import Clock
from projections import unsettled
from projections.keyspace import View
from projections.unsettled import Overdue, Unsettled

WALKED: Final = 500  # sends of a partition that one look walks past, to find those whose receipts do not come


class Owned:
    """`views` gives the states as they are now; a walk over one goes on where its last look stopped."""

    def __init__(self, views: Callable[[], Mapping[int, View]], mac_key: bytes, clock: Clock) -> None:
        self._views = views
        self._mac_key = mac_key
        self._clock = clock
        self._cursors: dict[int, bytes] = {}

    def unsettled(self) -> Iterable[Unsettled]:
        """The unknown attempts."""
        return [
            one
            for partition, view in self._views().items()
            for one in unsettled.unsettled(view, partition, self._mac_key)
        ]

    def overdue(self) -> Iterable[Overdue]:
        """Of the next sends of each partition, those whose receipts seem lost."""
        found: list[Overdue] = []
        for partition, view in self._views().items():
            cursor, now = self._cursors.get(partition, b""), self._clock.now()
            more, self._cursors[partition] = unsettled.overdue(view, partition, self._mac_key, now, cursor, WALKED)
            found += more
        return found

"""The places in time of those that wait for an endpoint, one behind the other. Pure: times in ms."""

from dataclasses import dataclass
from typing import Final

__all__ = ["Queue"]

LATE: Final = 10_000  # that one may come after its time, as others go first


@dataclass(slots=True)
class Queue:
    """Of one class. Where nobody comes any more, they were cancelled, expired or another worker's: it is empty then."""

    until: int = 0  # the next place
    _came: int = 0  # when one that had a place last came, or the first of them will
    _last: int = 0  # the last place's length
    _longest: int = 0

    def place(self, ready: int, length: int) -> int:
        """One at the end, not before `ready`: when to ask again."""
        if ready > self.until:
            self.until, self._came = ready, max(self._came, ready)
        at, self._last = self.until, 0
        self.lengthen(length)
        return at

    def lengthen(self, length: int) -> None:
        """The last place is longer by so much."""
        self.until += length
        self._last += length
        self._longest = max(self._longest, self._last)

    def asked(self, now: int, *, waited: bool) -> None:
        """Somebody asks, from its place if it `waited`."""
        if waited:
            self._came = max(self._came, now)
        elif now > self._came + LATE + 3 * self._longest:
            self.until = self._longest = 0

"""Is it any use to call an account's provider? A circuit breaker, closed while it is. Pure: `now` (ms) is an argument.

What only a person can mend (a token, funds, a base URL) opens it at once. Failures open it when several follow each
other, and so do messages refused as requests that the provider does not take: one may be at fault itself, several in a
row hardly. Open, nothing is called; after a while one call is let through to see, and how that one ends closes the
circuit or opens it for longer.
"""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ENDS", "Circuit", "End"]

End = Literal["well", "request", "failure", "account"]
"""How a call ended: answered as it should be, whatever the answer; refused as none that the provider takes; not
answered; or refused for the account's sake."""
ENDS: Final[tuple[End, ...]] = ("well", "request", "failure", "account")  # the worst last

FAILURES: Final = 5  # in a row
PROBING: Final = 25_000  # ms for a probe to end: longer than a call's time-out, so that a lost one holds up nobody
AGAIN: Final = 1_000  # ms after which those ask again who came while a probe was under way
_FIRST: Final = {"account": 5_000, "request": 5_000, "failure": 2_000}
_LONGEST: Final = {"account": 300_000, "request": 300_000, "failure": 60_000}


@dataclass(slots=True)
class Circuit:
    """`cause` is None while closed."""

    cause: Literal["account", "request", "failure"] | None = None
    until: int = 0
    _failures: int = 0
    _opened: int = 0  # times in a row, without a good end between
    _probed_until: int = 0

    @property
    def is_open(self) -> bool:
        return self.cause is not None

    def wait(self, now: int) -> int | None:
        """None: a call may be made, as far as this goes. Else when to ask again."""
        if self.cause is None:
            return None
        if now < self.until:
            return self.until
        if now < self._probed_until:
            return now + AGAIN
        return None

    def probe(self, now: int) -> bool:
        """A call is about to be made. True where it is the one that shows whether others may follow."""
        if self.cause is None:
            return False
        self._probed_until = now + PROBING
        return True

    def ended(self, end: End, now: int, times: int = 1) -> bool:
        """A call has ended, or as many as `times`. True if that opened the circuit or closed it."""
        if end == "well":
            was, self.cause = self.cause, None
            self._failures = self._opened = self._probed_until = 0
            return was is not None
        self._failures += times
        if self.cause is not None and now < self.until:  # one that was under way when it opened
            return False
        if end != "account" and self.cause is None and self._failures < FAILURES:
            return False
        was, self.cause = self.cause, end
        self.until = now + min(_LONGEST[end], _FIRST[end] << min(self._opened, 10))
        self._opened += 1
        self._probed_until = 0
        return was is None

"""The slots of one class of sends, shared by all accounts of a worker, and who holds them. Pure: `now` (ms) is an
argument.

An account may have all slots while its provider answers: they come free at once. One whose calls take long is slow.
What slow accounts hold is made up for out of the spare slots, so that the others have theirs; and no account may hold
more than slots / spare times as many as are left, spare ones included. A lone one comes to `slots` by that, and however
many hold on to theirs, some are left for who comes next. See docs/adr/051-no-account-takes-every-slot.md.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from projections.send import Call

__all__ = ["LEAST", "REMEMBERED", "SHORTEST", "SLOW", "Lane"]

SLOW: Final = 2_000  # ms that a call takes, where it holds up others
REMEMBERED: Final = 60_000  # ms that a slow account with nothing on its way is still known for one
SHORTEST: Final = 250  # ms that one who has to wait is put off
LEAST: Final = 10_000  # ms; nobody is put off for longer than this, or than the account has been slow already
_LATEST: Final = 8  # calls of which the mean tells how long they take


@dataclass(slots=True)
class _Holding:
    """What one account has on its way; forgotten as soon as that is nothing, if it was not slow."""

    attempts: int = 0  # whose answer is not durable yet
    calls: int = 0  # that have their slot
    asked: int = 0  # of them, what the provider has not answered yet
    mean: float | None = None  # ms that a call takes
    moved_at: int = 0  # when one ended last, or the first one began
    slow_since: int | None = None  # as far as anybody looked
    last: int = 0  # place in its queue: until when those wait who were put off last
    left: int = 0  # how many more may have that place, as they share a call


@dataclass(slots=True)
class Lane:
    """Calls that may be on their way at once in one class, and how many attempts one takes along. With no spare slots
    nobody is bounded. `slow_after` is how long the calls of a slow account take, ms.

    Attempts not yet answered are never more than slots times size. Where they are of many accounts they make more calls
    than there are slots: these wait for one, in order, and those that an account has no leave for hold up no other's.
    """

    slots: int
    size: int = 1
    spare: int = 0
    slow_after: int = SLOW
    busy: int = 0  # attempts not yet answered
    calling: int = 0
    waiting: deque[tuple[Sequence[Call], int]] = field(default_factory=deque)
    _held: dict[str, _Holding] = field(default_factory=dict)
    _promised: dict[str, int] = field(default_factory=dict)  # attempts that are decided and not reserved yet
    _promised_at: int = 0

    def made_up_for(self, now: int) -> int:
        """Attempts that the spare slots have room for, as slow accounts hold others."""
        if not self.spare:
            return 0
        slow = sum(held.attempts for held in self._held.values() if self._slow(held, now))
        return min(slow, self.spare * self.size)

    def put_off(self, account: str, now: int, *, waited: bool) -> int | None:
        """None where the account may have another attempt under way. Else until when it has to wait, ms: behind those
        of its sends that were put off before, which go first."""
        if now != self._promised_at:  # what is older was never reserved, as a decider failed behind it
            self._promised.clear()
            self._promised_at = now
        held = self._held.get(account)
        if held is None:
            return None
        if not held.attempts and now - held.moved_at > REMEMBERED:
            del self._held[account]
            return None
        slow, promised = self._slow(held, now), sum(self._promised.values())
        if not slow and self.busy + promised < self.slots * self.size:
            return None
        if slow and held.slow_since is None:
            held.slow_since = now
        free = (self.slots + self.spare) * self.size - self.busy - promised
        queued = slow and (self._waits(account) or (held.attempts > 0 and not waited and held.last > now))
        if not queued and self._has_leave(held.attempts + self._promised.get(account, 0), free):
            return None
        return self._place(held, now)

    def promise(self, account: str, now: int) -> None:
        """An attempt was decided at `now`, and will be reserved before anything else happens."""
        if now == self._promised_at:
            self._promised[account] = self._promised.get(account, 0) + 1

    def is_slow(self, account: str) -> bool:
        """Was it found to be slow when it was asked for last?"""
        held = self._held.get(account)
        return held is not None and held.slow_since is not None

    def reserve(self, account: str) -> None:
        """Take room for an attempt."""
        self.busy += 1
        self._held.setdefault(account, _Holding()).attempts += 1
        if self._promised.get(account):
            self._promised[account] -= 1

    def next_call(self) -> tuple[Sequence[Call], int] | None:
        """The first that waits and has leave for a slot, which it takes."""
        barred: set[str] = set()
        free = self.slots + self.spare - self.calling
        for at, (calls, _) in enumerate(self.waiting):
            account = calls[0].account
            if account in barred:
                continue
            held = self._held[account]
            # In a lane of singles an attempt is a call: who was given room for the one has leave for the other.
            if self.size == 1 or self._has_leave(held.calls, free):
                found = self.waiting[at]
                del self.waiting[at]
                self.calling += 1
                held.calls += 1
                return found
            barred.add(account)
        return None

    def began(self, account: str, now: int) -> None:
        """A call is made."""
        held = self._held[account]
        held.asked += 1
        if held.asked == 1:
            held.moved_at = now

    def ended(self, account: str, began: int, now: int) -> None:
        """The provider has answered a call, or never will."""
        held = self._held[account]
        held.asked -= 1
        held.moved_at = now
        took = now - began
        held.mean = took if held.mean is None else held.mean + (took - held.mean) / _LATEST
        if not self._slow(held, now):
            held.slow_since = None

    def done(self, account: str, attempts: int) -> None:
        """The answers of a call are durable: its slot is free."""
        self.busy -= attempts
        self.calling -= 1
        held = self._held[account]
        held.attempts -= attempts
        held.calls -= 1
        if not held.attempts and not self._was_slow(held):
            del self._held[account]

    def _slow(self, held: _Holding, now: int) -> bool:
        return self._was_slow(held) or (held.asked > 0 and now - held.moved_at > self.slow_after)

    def _was_slow(self, held: _Holding) -> bool:
        return held.mean is not None and held.mean > self.slow_after

    def _lasts(self, held: _Holding, now: int) -> float:
        """How long its calls take: as the latest did, and at least as long as none has ended."""
        return max(held.mean or 0.0, now - held.moved_at if held.asked else 0.0)

    def _waits(self, account: str) -> bool:
        return any(calls[0].account == account for calls, _ in self.waiting)

    def _has_leave(self, holds: int, free: int) -> bool:
        """May one who holds so many have another, of those that are free? Who holds none may have the last."""
        return free > 0 and (not holds or (holds + 1) * self.spare <= self.slots * (free - 1))

    def _place(self, held: _Holding, now: int) -> int:
        """A place at the end of its queue: in twice the time that its calls take, so that who has to wait asks a few
        times and no more, and behind the last one as calls come to their end."""
        lasts = self._lasts(held, now)
        most = max(LEAST, now - held.slow_since if held.slow_since is not None else 0)
        wait = min(max(SHORTEST, 2 * lasts), most)
        if not held.left or held.last < now + wait / 2:
            place = max(now + wait, held.last + lasts / max(1, held.calls))
            held.last, held.left = int(min(place, now + most)), self.size
        held.left -= 1
        return held.last

"""How many calls an endpoint of an account's provider takes, as its answers tell: a token bucket, shared with the other
workers. Pure.

The provider counts in windows (instasent.md, section 2), so the bucket holds what is left until the window ends, and is
filled when the next begins. This worker's share of it is reckoned when it takes: what is told between two tenures, when
it owns nothing, counts for the next one too. Transactional calls take whatever is left. Newsletters keep a part of it
for them, are paced over the window, and queue in order: each call gets its own later time, so that a long queue does
not come back at once only to be put off again. Until an answer tells a limit there is none; a 429 bars the class that
it was told to.

A call is booked with the messages that it has, as they join it, and what was booked is given back when it is answered.
Until it is known what the provider counts (unit.py), no more than what is kept may be out in calls of many, as eight of
a hundred may be all that there is; before any answer, one call. Who waits for that asks again ever later, as an answer
may take as long as a call's time-out; after a minute what is out counts as never called. An answer tells of the window
that it was given in: when that is over it says nothing any more. Times in ms, `share` is this worker's part of the
account's budget.
"""

from dataclasses import dataclass, field
from sys import maxsize
from typing import Final
from zlib import crc32

from connectors.carriers.base import RateHeaders
from events.shape import Class
from streams.places import Queue
from streams.unit import Unit

__all__ = ["KEPT", "Bucket"]

KEPT: Final = 0.1  # of a window's tokens, for transactional calls
BURST: Final = 1_000  # ms of newsletters that may go at once after a lull; a call, where that is less
UNTOLD: Final = 50  # ms between two newsletter calls that wait while no limit is known: 1,200 a minute
LONGEST: Final = 120_000  # ms; no wait is longer, whatever a header says: instasent.md, section 2
SHORTEST_WINDOW: Final = 1_000
_BACKOFF: Final = 1_000  # doubled with each 429 in a row that does not say until when
_LONGEST_BACKOFF: Final = 60_000
_PLACE: Final = 1 / 8  # of a window, where messages are counted: a longer one would miss what the next one has left
_LONGEST_DOUBT: Final = 60_000  # longer than any call: what is out then was granted and never made


def _none() -> dict[Class, int]:
    return {"transactional": 0, "newsletter": 0}


def _empty() -> dict[Class, Queue]:
    return {"transactional": Queue(), "newsletter": Queue()}


@dataclass(slots=True)
class Bucket:
    """See the module. `name` only makes the jitter of one account's backoff another's."""

    name: str = ""
    limit: int | None = None  # tokens a window, of all workers together
    window: int = 0
    left: float = 0.0  # to all until `reset_at`, if all take as this worker does: it may take its share of it
    reset_at: int = 0
    unit: Unit = field(default_factory=Unit)
    _heard: bool = False  # some call was answered, whatever it said
    _out_calls: int = 0  # not answered yet, and the messages in them
    _out_messages: int = 0
    _stale: int = 0  # calls of windows before that are out, as far as is known
    _least: int = 0  # the least that an answer of this window said to be left, to all
    _told_end: int = 0  # of the provider's window that was told of last, by its own clock
    _over: int = 0  # windows that ended then or earlier are over for us
    _barred: dict[Class, int] = field(default_factory=_none)
    _queues: dict[Class, Queue] = field(default_factory=_empty)
    _mispriced: int = 0  # until when places in the queue were given that may be too early
    _doubted: int = 0  # since when calls of many are put off because of what they may take; 0: they are not
    _paced: float = 0.0  # when the newsletters granted so far would be through at an even pace
    _strikes: int = 0  # 429s in a row

    def most(self, share: float) -> int:
        """Newsletters that may wait for the same time: one place is no more than a part of a window."""
        return max(1, int(_PLACE * self._pace("newsletter", share))) if self.unit.by_message and self.limit else maxsize

    def take(self, class_: Class, messages: int, now: int, share: float, *, waited: bool, joins: int = 0) -> int | None:
        """Take the tokens of one call, or of messages that join one of `joins` messages: None. Where they are not to be
        had, nothing is taken: when they will be there. `waited`: it had its place in the queue, and is not paced again
        unless that place may be too early."""
        self._turn(now)
        queue = self._queues[class_]
        queue.asked(now, waited=waited)
        tokens = self.unit.cost(joins + messages) - (self.unit.cost(joins) if joins else 0)
        ready = self._ready(class_, tokens, now, share) if tokens else now
        if ready <= now and tokens and class_ == "newsletter" and (not waited or now <= self._mispriced):
            if not waited:
                ready = queue.until  # those who wait go first
            interval = self._interval(class_, tokens, share)
            if ready <= now and self._paced > now + max(BURST, interval):
                ready = now + interval
        # A lone newsletter costs one in any case, but where others wait it goes with them.
        if ready <= now and (joins + messages > 1 or (self._doubted and class_ == "newsletter")):
            if self._unsure:
                ready = self._doubt(joins, messages, now, share)
            else:
                self._doubted = 0
        if ready > now:
            return ready
        self._out_calls += not joins
        self._out_messages += messages
        if self.limit is not None and tokens:
            self.left -= tokens / share
            if class_ == "newsletter":
                self._paced = max(self._paced, now) + self._span("newsletter", tokens, share)
        return None

    def undo(self, class_: Class, messages: int, now: int, share: float) -> None:
        """A call of so many that was booked was not made after all."""
        self._turn(now)
        if not self._back(messages, stale=True) or self.limit is None or share <= 0:
            return
        tokens = self.unit.cost(messages)
        self.left = min(float(self.limit), self.left + tokens / share)
        if class_ == "newsletter":
            self._paced -= self._span("newsletter", tokens, share)

    def queue(self, class_: Class, messages: int, ready: int, share: float) -> int:
        """A place at the end of the class's queue, not before `ready`: when to ask again."""
        return self._queues[class_].place(ready, self._interval(class_, self.unit.cost(messages), share))

    def queue_with(self, waiting: int, share: float) -> None:
        """One more newsletter shares the place of so many."""
        before, after = (self._interval("newsletter", self.unit.cost(waiting + one), share) for one in (0, 1))
        self._queues["newsletter"].lengthen(after - before)

    def told(self, messages: int, rate: RateHeaders, now: int, share: float, *, booked: int | None = None) -> None:
        """A call was answered; `rate` is what the answer said. `booked`: of its messages, if not all; 0 where the call
        had not been booked."""
        self._heard = True
        self._turn(now)
        if rate.reset_at is not None and rate.reset_at <= self._over:
            self._stale = max(0, self._stale - 1)
            return
        self._back(messages if booked is None else booked, stale=rate.reset_at is None)
        if rate.limit is None or rate.limit <= 0:
            return
        begins = self.limit is None
        end, before = min(rate.reset_at or 0, now + LONGEST), self._told_end
        self._told_end = max(before, end)
        if begins or rate.limit != self.limit:
            self.limit, self.left = rate.limit, rate.limit if begins else min(self.left, rate.limit)
            self._least = rate.limit if begins else min(self._least, rate.limit)
        if end > now and (begins or end >= self.reset_at + SHORTEST_WINDOW // 2):
            self._learn_window(end, before, now, begins)
            self.reset_at, self.left = end, self.limit - self._unanswered(share)
            self._least, said = self.limit, rate.remaining if begins else None
            self.unit.begin(self.limit if said is None else said + self.unit.cost(messages))
        elif not begins:
            self.reset_at = max(self.reset_at, end)
        else:
            self.window = self.window or 60_000
            self.reset_at = now + self.window
            self.unit.begin(rate.remaining or self.limit)
        if self.unit.learn(messages, rate.remaining, self._out_calls, share):
            # What has gone, and who has a place in the queue, was paced as so many calls.
            self._paced = max(self._paced, now) + self._span("newsletter", self.unit.messages, share)
            self._reprice()
        if rate.remaining is not None:
            # What it says may hold calls that are out already: as they are answered, what was kept for them comes back.
            self._least = min(self._least, rate.remaining)
            self.left = self._least - self._unanswered(share)

    def refused(self, class_: Class, rate: RateHeaders, now: int, messages: int = 1) -> int:
        """A 429 to a call of so many: until when no call of the class is made. One of a transactional call bars both.
        A call of more than the limit may never be taken: it is made smaller, as where messages are counted."""
        if messages > (self.limit or messages):
            self.unit.settle()
        wait = rate.wait(now)
        if wait is None:
            if self._barred[class_] > now:  # it was under way, or beside another that was refused
                return self._barred[class_]
            backoff = min(_LONGEST_BACKOFF, _BACKOFF << min(self._strikes, 10))
            wait = backoff + crc32(f"{self.name}/{now}".encode()) % (backoff // 2)
        self._strikes += 1
        self._barred[class_] = max(self._barred[class_], now + wait)
        return self._barred[class_]

    def passed(self) -> None:
        """A call that was no 429."""
        self._strikes = 0

    def _doubt(self, joins: int, messages: int, now: int, share: float) -> int:
        """When a call of so many may go although it may take a token for each; now: it may."""
        others = self._out_messages - self._out_calls - max(0, joins - 1)  # more than was paid for
        if others <= 0 or others + max(2, joins + messages) <= KEPT * (self.limit or 0) * share:
            self._doubted = 0
            return now
        self._doubted = self._doubted or now
        since = now - self._doubted
        if since > _LONGEST_DOUBT:
            self._out_calls, self._out_messages, self._doubted = int(joins > 0), joins, 0
            return now
        return now + max(UNTOLD, min(3 * since, _LONGEST_DOUBT))

    def _back(self, messages: int, *, stale: bool) -> bool:
        """A call of so many is not out any more. `stale`: nothing says of which window it is; the oldest end first.
        Was it booked in this one?"""
        if stale and messages and self._stale:
            self._stale -= 1
            return False
        self._out_messages = max(0, self._out_messages - messages)
        self._out_calls = min(max(0, self._out_calls - (messages > 0)), self._out_messages)
        return True

    def barred_until(self, class_: Class) -> int:
        """Until when no call of the class is made because of a 429, ms; 0 or past: none bars it."""
        return max(self._barred["transactional"], self._barred[class_])

    def _ready(self, class_: Class, tokens: int, now: int, share: float) -> int:
        """When this call's tokens will be there; now or earlier: they are."""
        barred = self.barred_until(class_)
        if self.limit is None or barred > now:
            return barred
        if share <= 0:  # as in `_interval`
            return now + UNTOLD
        kept = KEPT * self.limit * share if class_ == "newsletter" else 0.0
        # A call that takes more than there ever is goes alone, when the window is fresh.
        enough = self.left * share - kept >= tokens or self.left >= self.limit
        return now if enough and self.left > 0 else self.reset_at

    def _turn(self, now: int) -> None:
        """The provider's window is over: the next one is as large."""
        if self.limit is None or now < self.reset_at:
            return
        self.reset_at += self.window * (1 + (now - self.reset_at) // self.window)
        self.left = self._least = self.limit
        # Some were granted and never called: they must not add up.
        self._stale, self._out_calls, self._out_messages = self._out_calls, 0, 0
        self._over = self._told_end
        self.unit.begin(self.limit)

    def _interval(self, class_: Class, tokens: int, share: float) -> int:
        return max(1, int(self._span(class_, tokens, share)))

    def _span(self, class_: Class, tokens: int, share: float) -> float:
        """Ms that so many tokens take at an even pace."""
        if self.limit is None or share <= 0:  # between two tenures nothing is owned: that says nothing of later
            return UNTOLD
        return tokens * self.window / max(self._pace(class_, share), 0.001)

    def _pace(self, class_: Class, share: float) -> float:
        """Tokens of a window that are the class's."""
        return (self.limit or 0) * share * (1 - KEPT if class_ == "newsletter" else 1)

    def _learn_window(self, end: int, before: int, now: int, begins: bool) -> None:
        """A window is at least as long as what is left of it, and no longer than from one end that was told to the
        next. Where it begins is not known: it may be with the first call after the one before."""
        seen = max(SHORTEST_WINDOW, end - now)
        if begins or not self.window:
            self.window = seen
            return
        known, self.window = self.window, min(max(self.window, seen), max(SHORTEST_WINDOW, end - before))
        if self.window > 2 * known:
            self._reprice()

    def _reprice(self) -> None:
        """A call turned out to take far longer to pay for: places in the queue from before may be too early."""
        queue = self._queues["newsletter"]
        self._mispriced, queue.until = max(self._mispriced, queue.until), 0

    @property
    def _unsure(self) -> bool:
        """Is it still to be learnt what a call of many takes? Not where no limit is told."""
        return not self._heard or (self.limit is not None and not self.unit.judged)

    def _unanswered(self, share: float) -> float:
        """Tokens of the calls that are out, and of the others' as in `left`; where nothing is owned, of these alone."""
        return (self._out_messages if self.unit.by_message else self._out_calls) / (share or 1)

"""Which newsletters of a partition share a call, as the sender makes them, or wait for the same time. Pure."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.leave import Leave
from streams.rate import Bucket

__all__ = ["BULK", "LEAST", "Commit", "Group"]

BULK: Final = 100  # newsletters in one call: instasent.md, section 1
LEAST: Final = 2  # in a call of many: a lone one goes where single SMS go
CAMPAIGN: Final = 10  # newsletters in a commit that show that more will follow


@dataclass(slots=True)
class Group:
    """Newsletters of a partition that were told the same: those of one commit that share a call, or wait together.

    `booked` messages of their call are in `bucket`; 0 where they wait. `fell`: they were asked for as such that may
    fall back.
    """

    leave: Leave
    asked_at: int
    bucket: Bucket
    booked: int
    most: int = BULK
    fell: bool = False
    count: int = 1

    def waits_with(self, bucket: Bucket, now: int, *, waited: bool, may_fall_back: bool) -> bool:
        """May another one join those that wait? Not one whose time has come, nor while a circuit is open, as things may
        have changed in between."""
        if self.count >= self.most or self.bucket is not bucket or self.fell < may_fall_back:
            return False
        return self.asked_at == now or (not waited and self.leave.reason == "rate" and now < (self.leave.until or 0))


class Commit(NamedTuple):
    """Newsletters of an account that were asked for at one `now`. `company`: the last of them was not the first, or
    will not be the only one, as the commit before was a campaign's."""

    asked_at: int = -1
    asked: int = 0
    company: bool = False

    def next(self, now: int) -> "Commit":
        if now == self.asked_at:
            return Commit(now, self.asked + 1, company=True)
        return Commit(now, 1, self.asked >= CAMPAIGN)

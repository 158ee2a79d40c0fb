"""Which newsletters of a partition share a call, as the sender makes them, or wait for the same time. Pure."""

from dataclasses import dataclass
from typing import Final

from streams.leave import Leave
from streams.rate import Bucket

__all__ = ["BULK", "Group"]

BULK: Final = 100  # newsletters in one call: instasent.md, section 1


@dataclass(slots=True)
class Group:
    """Newsletters of a partition that were told the same: those of one commit that share a call, or wait together.

    `goes`: the messages of their call are booked in `bucket`; else they wait. `fell`: they were asked for as such that
    may fall back.
    """

    leave: Leave
    asked_at: int
    bucket: Bucket
    goes: bool
    most: int = BULK
    fell: bool = False
    count: int = 1

    def goes_with(self, now: int, *, may_fall_back: bool) -> bool:
        """Has the call room for another one? Its commit has one `now`."""
        return self.asked_at == now and self.count < self.most and self.leave.fallback <= may_fall_back

    def waits_with(self, bucket: Bucket, now: int, *, waited: bool, may_fall_back: bool) -> bool:
        """May another one join those that wait? Not one whose time has come, nor while a circuit is open, as things may
        have changed in between."""
        if self.count >= self.most or self.bucket is not bucket or self.fell < may_fall_back:
            return False
        return self.asked_at == now or (not waited and self.leave.reason == "rate" and now < (self.leave.until or 0))

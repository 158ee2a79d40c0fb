"""The gate behind which each account keeps to its share of the slots (streams/lane.py). Pure, like the gates.

It asks the slots first: what is put off there has taken nothing of its account's rate, and probes no circuit.
"""

from typing import Protocol

from events.shape import Class
from projections.account import Account
from streams.leave import Gate, Leave

__all__ = ["ShareGate", "Slots"]


class Slots(Protocol):
    """A worker's lanes, as the gates of its partitions see them (streams/sender.py)."""

    def put_off(self, account: str, class_: Class, now: int, *, waited: bool) -> int | None:
        """None where the account may have another attempt under way; else until when this send has to wait, ms."""
        ...

    def promise(self, account: str, class_: Class, now: int) -> None:
        """The attempt was given leave at `now`, and will be reserved with the others of its batch."""
        ...


class ShareGate:
    """streams/leave.py's Gate of one partition's deciders, over another."""

    def __init__(self, slots: Slots, gate: Gate) -> None:
        self._slots = slots
        self._gate = gate

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False) -> Leave:
        """See Gate. Who is put off here waits for the reason `rate`: its provider takes no more of it at once."""
        until = self._slots.put_off(account.name, class_, now, waited=waited)
        if until is not None:
            return Leave(until, "rate", looked_at={"slots": "slow"})
        leave = self._gate.ask(account, class_, now, waited=waited, may_fall_back=may_fall_back)
        if leave.until is None or leave.fallback:
            self._slots.promise(account.name, class_, now)
        return leave

"""May a send go now, for its account's sake? The port that the last check of deciders/dispatch.py asks. Pure.

Behind it, in a worker, stand what is known of the provider's limits and of its health (streams/gate.py). A judge that
decides again has the answer from the fact: `until` and `reason` of the deferral, or that there was an attempt.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol

from events.shape import Class
from projections.account import Account

__all__ = ["FREE", "GO", "UNHEARD", "Free", "Gate", "Hearing", "Leave", "Unheard"]


class Leave(NamedTuple):
    """`until` None: go now, by the account's connector, and what was asked for counts as used. Else not before `until`
    (ms), because of `reason`; each that must wait gets a time of its own, so that not all come back at once.

    `fallback` True, only where `until` is set: the account's other connector is set and free to go by at once, and what
    was asked for counts as used there. Who may not go that way waits until `until`.

    `looked_at`, JSON, is what a person may want to know of why; the fact of the decision has it as `provider`.
    """

    until: int | None = None
    reason: Literal["rate", "circuit"] | None = None
    fallback: bool = False
    looked_at: Mapping[str, Any] = {}


GO: Final = Leave()


class Gate(Protocol):
    """Asked once for each send that would otherwise be attempted at `now` (ms)."""

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False) -> Leave:
        """`waited` says that the send comes from a deferral, so that those in the queue go before new ones; only what
        `may_fall_back` takes a place at the other connector."""
        ...


class Free:
    """Nothing is known of any provider: everything may go."""

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False) -> Leave:
        return GO


FREE: Final = Free()


class Hearing(Protocol):
    """Who is told what became of the calls, so that the gate knows."""

    def told(
        self, account: str, class_: Class, answers: Sequence[Any], now: int, *, fallback: bool = False
    ) -> int | None:
        """One call ended, or was not made; `answers` are the carrier's, of each of its messages. Returns when those
        that were surely not taken may be tried again (ms), None where that is theirs to know."""
        ...


class Unheard:
    """Nobody listens."""

    def told(
        self, account: str, class_: Class, answers: Sequence[Any], now: int, *, fallback: bool = False
    ) -> int | None:
        return None


UNHEARD: Final = Unheard()

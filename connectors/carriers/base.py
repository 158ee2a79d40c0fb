"""The port of a carrier: one call for one attempt, and an answer that says what may follow from it; and what the
provider's own list says afterwards, where an answer did not come.

A carrier does not raise for what the network or the provider do: every end of a call is one of three answers, and none
of them permits to send the same attempt again. The rules are those of instasent.md, section 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

UnknownReason = Literal["timeout", "connection_lost", "server_error"]
Scope = Literal["message", "request", "rate", "account", "connection", "withheld", "batch"]

_SHORTEST_WAIT: Final = 1_000
_LONGEST_WAIT: Final = 120_000


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What an answer said: calls a window, calls left in it, the window's end (ms since the epoch); None: not said."""

    limit: int | None = None
    remaining: int | None = None
    reset_at: int | None = None

    def wait(self, now: int) -> int | None:
        """Milliseconds until the reset, at least 1 s, at most 120 s; None if it is missing or past: then back off."""
        if self.reset_at is None or self.reset_at <= now:
            return None
        return min(_LONGEST_WAIT, max(_SHORTEST_WAIT, self.reset_at - now))


NOT_SAID: Final = RateHeaders()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it. `provider_id` is None where it took the same attempt before and does not repeat the id."""

    provider_id: str | None
    rate: RateHeaders = NOT_SAID


@dataclass(frozen=True, slots=True)
class Refused:
    """It was surely not taken. `message` is for people: at most 200 printable characters, never the token.

    `scope` says what is at fault, and so what to do: `message` (it fails for good), `request` (likewise, and alert: the
    provider does not understand us), `rate` (wait for `rate.wait`), `account` (stop the account's sending and alert:
    token, funds or base URL), `connection` (nothing left this machine: back off), `withheld` (no call was made),
    `batch` (what was handed over together was refused as a whole: hand it over in parts). The first two are final, no
    other is.
    """

    status: int | None
    message: str
    final: bool
    scope: Scope = "connection"
    rate: RateHeaders = NOT_SAID


@dataclass(frozen=True, slots=True)
class Unknown:
    """It left, and nobody here knows whether it was taken: to be settled by evidence, never by sending it again.

    `detail` is for people and holds no personal data. An answer that says "taken" without a readable id is unknown too.
    `account` says that the account is at fault as well, as of a Refused with this scope.
    """

    reason: UnknownReason
    detail: str = ""
    rate: RateHeaders = NOT_SAID
    account: bool = False


Answer = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Listed:
    """One message as the provider lists it: whatever it lists, it took.

    `status` and `code` are its words, as its receipts have them; `created_at` is ms; `likeness` (events/likeness.py) is
    given where the list does not repeat client ids.
    """

    client_id: str | None
    provider_id: str
    status: str | None = None
    code: int | None = None
    created_at: int | None = None
    likeness: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `following` asks for the next one, None at the end."""

    items: tuple[Listed, ...]
    following: str | None = None
    rate: RateHeaders = NOT_SAID


@dataclass(frozen=True, slots=True)
class NotListed:
    """The list was not to be had; it says nothing about any message. `scope` as in Refused: `rate`, `account`, or
    `connection` for whatever may be better later. `message` is for people."""

    message: str
    scope: Literal["rate", "account", "connection"] = "connection"
    rate: RateHeaders = NOT_SAID


class Sms(Protocol):
    """What a carrier needs of an attempt; projections/send.py's Call is one."""

    @property
    def client_id(self) -> str:
        """At most 40 characters of [A-Za-z0-9-], this attempt's own."""
        ...

    @property
    def to(self) -> str:
        """E.164 with +."""
        ...

    @property
    def sender(self) -> str: ...

    @property
    def text(self) -> str: ...


class Carrier(Protocol):
    """Hands over one SMS at a time, and tells what became of those that it handed over."""

    async def send(self, call: Sms, *, allow_unicode: bool) -> Answer:
        """Make one call, never a second one. Raises nothing but CancelledError, after which the outcome is unknown.

        `allow_unicode` is true only for a text that needs UCS-2.
        """
        ...

    async def page(self, cursor: str | None, since: int) -> Page | NotListed:
        """A page of the provider's list, the first where `cursor` is None; nothing older than `since` (ms) is asked
        for, and may be left out. Raises nothing but CancelledError."""
        ...

    async def look_up(self, provider_id: str) -> Page | NotListed:
        """One message by the provider's name for it; an empty page where the provider does not know it. Likewise."""
        ...


class EncodedSms(Sms, Protocol):
    """One of several in a call: each says for itself whether it needs UCS-2."""

    @property
    def encoding(self) -> Literal["GSM-7", "UCS-2"]: ...


@runtime_checkable
class BulkCarrier(Carrier, Protocol):
    """One that also takes several SMS in one call."""

    @property
    def largest(self) -> int:
        """The most that one call takes."""
        ...

    async def send_many(self, calls: Sequence[EncodedSms]) -> Sequence[Answer]:
        """Hand over 1 to `largest` SMS, each with its own answer, in the order given; otherwise as `send`. None is
        handed over a second time: of a call that was refused as a whole, each of several is Refused with the
        scope `batch`, and it is the caller's to make it again in parts, as whether any call may be made can change
        between two of them."""
        ...

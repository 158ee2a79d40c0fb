"""The carrier of tests, demos and simulation: no network, no clock, and every answer can be ordered."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.carriers.base import Accepted, Answer, EncodedSms, Listed, NotListed, Page, Refused, Sms


class Sent(NamedTuple):
    """One SMS that this carrier took."""

    client_id: str
    to: str
    sender: str
    text: str
    allow_unicode: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer to give instead of the usual one. `taken`: the SMS was sent all the same, as it may be where
    the answer is Unknown."""

    answer: Answer
    taken: bool = False

    def __post_init__(self) -> None:
        if self.taken and isinstance(self.answer, Refused):
            raise ValueError("what is refused was not taken")


@dataclass(slots=True)
class MemoryCarrier:
    """`sent` is a list, not a dict, so that a double send shows. Faults are committed one a call, in order: those of
    the call's own number first, then the general ones. Of a batch, a general one strikes all, one of a number that SMS
    alone."""

    faults: deque[Fault] = field(default_factory=deque)
    by_number: dict[str, deque[Fault]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    unlisted: deque[NotListed] = field(default_factory=deque)  # given first, one a question
    page_size: int = 100
    largest: int = 100
    batches: list[int] = field(default_factory=list)  # how many SMS each call of several had

    def order(self, faults: Iterable[Fault], to: str | None = None) -> None:
        """Add faults, for one number or for whichever comes next."""
        (self.faults if to is None else self.by_number.setdefault(to, deque())).extend(faults)

    async def send(self, call: Sms, *, allow_unicode: bool) -> Answer:
        """Take the SMS, or commit the next fault. Raises nothing and does not wait."""
        own = self.by_number.get(call.to)
        faults = own or self.faults
        return self._given(call, allow_unicode, faults.popleft() if faults else None)

    async def send_many(self, calls: Sequence[EncodedSms]) -> Sequence[Answer]:
        """See BulkCarrier. Raises nothing and does not wait."""
        self.batches.append(len(calls))
        general = self.faults.popleft() if self.faults else None
        answers: list[Answer] = []
        for call in calls:
            own = self.by_number.get(call.to)
            fault = general if general is not None else own.popleft() if own else None
            answers.append(self._given(call, call.encoding == "UCS-2", fault))
        return answers

    def _given(self, call: Sms, allow_unicode: bool, fault: Fault | None) -> Answer:
        if fault is None or fault.taken or isinstance(fault.answer, Accepted):
            self.sent.append(Sent(call.client_id, call.to, call.sender, call.text, allow_unicode))
        return Accepted(f"memory-{len(self.sent)}") if fault is None else fault.answer

    async def page(self, cursor: str | None, since: int) -> Page | NotListed:
        """See Carrier; newest first."""
        if self.unlisted:
            return self.unlisted.popleft()
        first = int(cursor or 0)
        items = self._listed()[::-1][first : first + self.page_size]
        return Page(tuple(items), str(first + self.page_size) if items else None)

    async def look_up(self, provider_id: str) -> Page | NotListed:
        """See Carrier."""
        if self.unlisted:
            return self.unlisted.popleft()
        return Page(tuple(listed for listed in self._listed() if listed.provider_id == provider_id))

    def _listed(self) -> list[Listed]:
        return [Listed(sent.client_id, f"memory-{number}", "accepted") for number, sent in enumerate(self.sent, 1)]

"""A fact of the journal: what was decided, tried and learnt about one contact, in its place of that contact's order."""

from hashlib import blake2b
from typing import Final, NamedTuple

from events.contact import (
    ContactErased,
    ContactRefused,
    FieldsChanged,
    PhoneChanged,
    PhoneRefused,
    PhoneStatusChanged,
    SubscriptionChanged,
)
from events.message import InboundReceived, LinkClicked, MessageStateChanged
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendSkipped,
    SendUnknown,
)

PhoneFact = PhoneChanged | PhoneRefused | PhoneStatusChanged
ContactFact = PhoneFact | SubscriptionChanged | FieldsChanged | ContactRefused | ContactErased
SendFact = SendSkipped | SendDeferred | SendAttempted | SendAccepted | SendRefused | SendUnknown | SendGivenUp
MessageFact = MessageStateChanged | InboundReceived | LinkClicked
FactData = ContactFact | SendFact | MessageFact

DATA: Final[tuple[type[FactData], ...]] = (
    PhoneChanged, PhoneRefused, PhoneStatusChanged, SubscriptionChanged, FieldsChanged, ContactRefused, ContactErased,
    SendSkipped, SendDeferred, SendAttempted, SendAccepted, SendRefused, SendUnknown, SendGivenUp,
    MessageStateChanged, InboundReceived, LinkClicked,
)  # fmt: skip
SOURCE: Final = "/recado/engine"


class Fact(NamedTuple):
    """`subject` is account/contact; `sequence` counts the contact's facts, 1, 2, 3, ...; `time`, ms, is the engine's
    clock, and for what was said about or by the contact the time it was said at; the cause is the input event that led
    here, by its id and source. (A tuple: one for each event, for a third of what a frozen
    dataclass costs.)"""

    subject: str
    sequence: int
    time: int
    causation_id: str
    causation_source: str
    data: FactData

    @property
    def type(self) -> str:
        return self.data.TYPE

    @property
    def id(self) -> str:
        """32 hexadecimal digits, a function of subject, sequence and cause: decided again, it is the same fact."""
        named = f"{self.subject}\0{self.sequence}\0{self.causation_id}"  # none of the three can hold a NUL
        return blake2b(named.encode(), digest_size=16).hexdigest()

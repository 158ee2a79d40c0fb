"""Facts about an SMS that went, learnt from receipts, replies and clicks. Contract, section 4."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Bounce = Literal["hard", "soft"]
MessageState = Literal["pending", "accepted", "sent", "delivered", "failed", "expired", "canceled", "unknown"]
"""Message states: instasent.md's table of statuses; `pending` is an attempt that no answer or receipt tells of yet."""


@dataclass(frozen=True, slots=True)
class MessageStateChanged:
    """A receipt moved a message on. `status` and `code` are the provider's words; `event_at` is its time, ms."""

    TYPE: ClassVar[str] = "recado.message.state_changed.v1"
    send_id: str
    attempt: int
    from_: str
    to: str
    status: str
    code: int | None
    event_at: int | None = field(metadata={"moment": True})
    bounce: Bounce | None


@dataclass(frozen=True, slots=True)
class InboundReceived:
    """The contact wrote; `keyword` is the opt-out, opt-in or help word that the text is, None for any other text.
    `send_id` and `attempt` name the SMS that it answers, where the provider told."""

    TYPE: ClassVar[str] = "recado.inbound.received.v1"
    text: str = field(metadata={"personal": True})
    keyword: str | None
    send_id: str | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class LinkClicked:
    """A short link of an SMS was opened, ms; `automated` by a scanner rather than a person."""

    TYPE: ClassVar[str] = "recado.link.clicked.v1"
    send_id: str
    url: str = field(metadata={"personal": True})
    clicked_at: int = field(metadata={"moment": True})
    automated: bool

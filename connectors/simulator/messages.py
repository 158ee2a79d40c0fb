"""The messages that a simulator has accepted: their length in parts, their present status, the list of them."""

import math
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

# GSM-7: 3GPP TS 23.038. Counted apart from the product's own code, and by division as Instasent's PHP counter does,
# where Recado packs part by part: a judge does not borrow the accused's arithmetic.
_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = "\f^{}\\[~]|€"
_GSM_BASIC: Final = re.compile(f"[{re.escape(_BASIC)}]*")
_GSM: Final = re.compile(f"[{re.escape(_BASIC + _EXTENDED)}]*")
_NOT_BASIC: Final = re.compile(f"[{re.escape(_EXTENDED)}]")


def measure(text: str) -> tuple[str, int]:
    """The encoding, `GSM-7` or `UCS-2`, and the number of parts, 1 at least."""
    if _GSM_BASIC.fullmatch(text):
        length, single, joined, encoding = len(text), 160, 153, "GSM-7"
    elif _GSM.fullmatch(text):
        length, single, joined, encoding = len(text) + len(_NOT_BASIC.findall(text)), 160, 153, "GSM-7"
    else:
        length, single, joined, encoding = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67, "UCS-2"
    return encoding, 1 if length <= single else math.ceil(length / joined)


def rendered(at: int) -> str:
    """Milliseconds since the epoch as Instasent writes a time: whole seconds, UTC."""
    return datetime.fromtimestamp(at // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Message:
    """One accepted message; times in milliseconds since the epoch."""

    id: str
    client_id: str | None
    sender: str
    to: str
    text: str
    encoding: str
    parts: int
    created_at: int
    status: str = "enqueued"
    code: int = 0
    changed_at: int = 0
    status_callback: str | None = None  # of a message by Twilio's API: where its callbacks go, "" for nowhere

    def json(self) -> dict[str, Any]:
        """As `GET /sms` and `GET /sms/{id}` show it."""
        return {
            "id": self.id,
            "clientId": self.client_id,
            "from": self.sender,
            "to": self.to,
            "text": self.text,
            "status": self.status,
            "statusCode": self.code,
            "encoding": self.encoding,
            "messagesCount": self.parts,
            "createdAt": rendered(self.created_at),
        }


def status_callback(message: Message, status: str, code: int) -> dict[str, Any]:
    """The fields of a status callback of Twilio's."""
    fields: dict[str, Any] = {"MessageSid": message.id, "SmsSid": message.id, "MessageStatus": status}
    fields |= {"SmsStatus": status, "To": message.to, "From": message.sender, "ApiVersion": "2010-04-01"}
    return fields | ({"ErrorCode": code} if code else {})


@dataclass(slots=True)
class Mailbox:
    """A token's messages."""

    by_id: dict[str, Message] = field(default_factory=dict)
    last_to: dict[str, Message] = field(default_factory=dict)
    _order: list[Message] = field(default_factory=list)

    def add(self, message: Message) -> None:
        self.by_id[message.id] = message
        self.last_to[message.to] = message
        self._order.append(message)

    def page(self, number: int, size: int, until: int) -> list[Message]:
        """Page `number` (from 1) of the messages created at or before `until`, newest first; empty past the end."""
        shown = bisect_right(self._order, until, key=lambda message: message.created_at)
        end = shown - (number - 1) * size
        return self._order[max(0, end - size) : end][::-1] if end > 0 else []

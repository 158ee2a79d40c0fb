"""One send as the read model shows it: a row of `messages`, folded from the facts that name the send.

`outcome` is what became of the request (deferred, skipped, attempted, accepted, refused, unknown, given_up);
`state` is what receipts say about the SMS (accepted, sent, delivered, failed, expired, canceled, unknown). A send that
any attempt brought to the provider stays accepted, one that was delivered stays delivered: contract.md, section 4.
"""

from typing import Any, Final

import orjson

from connectors.readmodel import bulk
from connectors.readmodel.reasons import WAITING, why_it_waits
from events.fact import Fact
from events.message import LinkClicked, MessageStateChanged
from events.send import (
    SendAccepted,
    SendAttempted,
    SendDeferred,
    SendGivenUp,
    SendRefused,
    SendSkipped,
    SendUnknown,
)

Row = dict[str, Any]
"""Values by the column keys of schema.messages."""

_BLANK: Final[Row] = {
    "state": None,
    "reason": None,
    "detail": None,
    "alert": False,
    "labels": "[]",
    "template": None,
    "template_version": None,
    "sender": None,
    "recipient": None,
    "text": None,
    "encoding": None,
    "parts": None,
    "attempt": 0,
    "client_id": None,
    "provider_id": None,
    "provider_status": None,
    "code": None,
    "bounce": None,
    "clicks": 0,
    "deferred_until": None,
    "attempted_at": None,
    "accepted_at": None,
    "delivered_at": None,
    "event_at": None,
}

PERSONAL: Final = ("detail", "recipient", "text")
"""Columns emptied when the contact is erased."""

_FROM_OUTSIDE: Final = (
    *PERSONAL,
    "template",
    "sender",
    "client_id",
    "provider_id",
    "provider_status",
    "bounce",
)


def send_id_of(fact: Fact) -> str | None:
    """The send that a fact is about, as its column holds it; None for facts about the contact alone."""
    send_id: str | None = getattr(fact.data, "send_id", None)
    return bulk.storable(send_id) if send_id else None


def fold(row: Row | None, fact: Fact) -> Row | None:
    """The row after one more fact of its send. None while no decision about the send has been seen."""
    data = fact.data
    if row is None:
        if not isinstance(data, SendSkipped | SendDeferred | SendAttempted):
            return None
        row = _begun(fact, data)
    elif isinstance(data, SendSkipped) and data.reason == "duplicate":
        return row  # another body under the same send_id was refused; the send that has the id is as it was
    else:
        row = row.copy()
    row["sequence"], row["updated_at"] = fact.sequence, fact.time
    _apply(row, fact)
    return row


def erased(row: Row) -> Row:
    """The row without what would tell who got what."""
    return row | dict.fromkeys(PERSONAL)


def storable(row: Row) -> Row:
    """The row as a database takes it."""
    for name in _FROM_OUTSIDE:
        if row[name] is not None:
            row[name] = bulk.storable(row[name])
    return row


def labels_of(row: Row) -> list[str]:
    labels: list[str] = orjson.loads(row["labels"])
    return labels


def _begun(fact: Fact, data: SendSkipped | SendDeferred | SendAttempted) -> Row:
    account, _, contact = fact.subject.partition("/")
    return {
        **_BLANK,
        "subject": fact.subject,
        "send_id": send_id_of(fact),
        "account": account,
        "contact": contact,
        "class_": data.class_,
        "outcome": "",
        "requested_at": data.requested_at or fact.time,
        "first_sequence": fact.sequence,
    }


def _apply(row: Row, fact: Fact) -> None:
    settled = row["outcome"] == "accepted"
    match fact.data:
        case SendSkipped() as skipped:
            row.update(
                outcome="skipped",
                reason=skipped.reason,
                detail=skipped.detail or None,
                template=skipped.template,
                sender=skipped.sender,
                labels=_json(skipped.labels),
                alert=skipped.alert,
            )
        case SendDeferred() as deferred:
            request = deferred.request
            row.update(
                outcome="deferred",
                reason=deferred.reason,
                detail=_why_it_waits(row["detail"], deferred),
                deferred_until=deferred.until,
                template=request.get("template"),
                sender=request.get("sender"),
                labels=_json(request.get("labels") or []),
                alert=request.get("to", "contact") != "contact",
            )
        case SendAttempted() as attempted:
            row.update(
                outcome="accepted" if settled else "attempted",
                reason=None,
                detail=None,
                attempt=attempted.attempt,
                client_id=attempted.client_id,
                attempted_at=fact.time,
                recipient=attempted.to,
                sender=attempted.sender,
                template=attempted.template,
                template_version=attempted.template_version,
                labels=_json(attempted.labels),
                encoding=attempted.encoding,
                parts=attempted.parts,
                text=attempted.text,
                alert=attempted.alert,
            )
        case SendAccepted() as accepted:
            row.update(outcome="accepted", reason=None, detail=None, provider_id=accepted.provider_id)
            row["accepted_at"] = row["accepted_at"] or fact.time
            row["state"] = row["state"] or "accepted"
        case SendRefused() as refused if not settled:
            row.update(outcome="refused", reason=_word(refused.status), detail=refused.message)
        case SendUnknown() as unknown if not settled:
            row.update(outcome="unknown", reason=unknown.reason)
        case SendGivenUp() if not settled:
            row.update(outcome="given_up")
        case MessageStateChanged() as changed:
            _receive(row, changed, fact.time)
        case LinkClicked() as clicked if not clicked.automated:
            row["clicks"] += 1
        case _:
            pass  # what is left changes no column


def _receive(row: Row, changed: MessageStateChanged, now: int) -> None:
    """A delivery by any attempt is a delivery; else the latest attempt speaks for the send."""
    if row["state"] == "delivered" or (changed.to != "delivered" and changed.attempt < row["attempt"]):
        return
    row.update(
        state=changed.to,
        provider_status=changed.status,
        code=_word(changed.code),
        bounce=changed.bounce,
        event_at=changed.event_at,
    )
    if changed.to == "delivered":
        row["delivered_at"] = now


def _why_it_waits(before: str | None, deferred: SendDeferred) -> str | None:
    """What the provider said of an attempt stands while the send waits for the next one."""
    return why_it_waits(deferred.looked_at) or (None if before in WAITING else before)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _word(value: object) -> str | None:
    return None if value is None else str(value)

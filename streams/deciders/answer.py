"""What the provider answered to an attempt. Folds projections/send.py.

An attempt ends in exactly one of accepted, refused, unknown; unknown is settled later, by whichever evidence comes
first. What is settled stays: a repeated or late answer yields nothing. But that an attempt was taken is proof, as a
receipt is, whoever had said that it was refused (an operator, say): no other may follow it then.
"""

from typing import Final, Literal
from zlib import crc32

from events import instant
from events.answer import AnswerReceived
from events.fact import SendFact
from events.message import MessageStateChanged
from events.send import SendAccepted, SendDeferred, SendRefused, SendUnknown
from projections.send import State
from streams.deciders.eligibility import ends

__all__ = ["RESOLVE_WITHIN", "decide"]

RESOLVE_WITHIN: Final = 72 * 3_600_000  # ms: contract, section 4
_BACKOFF: Final = 1_000  # ms, doubled with each attempt: instasent.md, section 2
_LONGEST_RATE: Final = 60_000
# A revoked token or an empty purse is mended by a person: asking more often helps nobody.
_LONGEST_CIRCUIT: Final = 15 * 60_000
_THROTTLED: Final = 429


def decide(data: AnswerReceived, sent: State, now: int) -> list[SendFact | MessageStateChanged]:
    """Settle the attempt. A refusal that is not final defers the send: its next attempt is decided anew then."""
    attempt = sent.attempt(data.attempt)
    if attempt is None:
        return []
    if data.outcome == "accepted" and attempt.outcome == "refused" and attempt.state == "pending":
        return [MessageStateChanged(data.send_id, data.attempt, "accepted", "accepted", "accepted", None, None, None)]
    if attempt.outcome not in ("open", "unknown", "given_up"):
        return []
    if data.outcome == "accepted":
        settled = {"evidence": "list"} if data.report is not None else None
        return [SendAccepted(data.send_id, data.attempt, data.provider_id, settled)]
    if attempt.outcome == "given_up":  # whether it went is told by evidence that it did, and by nothing else
        return []
    if data.outcome == "unknown":
        if attempt.outcome == "unknown":
            return []
        return [SendUnknown(data.send_id, data.attempt, data.reason or "connection_lost", now + RESOLVE_WITHIN)]
    final = bool(data.final)
    facts: list[SendFact | MessageStateChanged] = [
        SendRefused(data.send_id, data.attempt, data.status, data.message, final, withheld=data.withheld)
    ]
    if not final and sent.request is not None and not sent.reached and data.attempt == sent.tried:
        throttled = data.status == _THROTTLED
        longest = _LONGEST_RATE if throttled else _LONGEST_CIRCUIT
        wait = min(longest, _BACKOFF << min(sent.tried - 1, 20))
        # Jitter is of the attempt's name, not drawn: up to half as long again, so that many do not come back at once.
        wait += wait * crc32(data.client_id.encode()) >> 33
        reason: Literal["rate", "circuit"] = "rate" if throttled else "circuit"
        request = sent.request
        expires_at = request.get("expires_at")
        last = ends(instant.parse(expires_at) if type(expires_at) is str else None, sent.requested_at)
        until = max(now + 1, min(data.retry_at or now + wait, last))
        told = {"withheld": True} if data.withheld else {"answer": data.status}
        facts.append(
            SendDeferred(sent.send_id, sent.class_, until, reason, request, sent.requested_at, sent.body, told)
        )
    return facts

"""An operator settles by hand an attempt whose outcome nobody knows. Folds projections/send.py.

An operator's word counts as the provider's own list does: contract, section 4. It is not taken against evidence, so
what has an outcome keeps it.
"""

from typing import Final

from events.answer import SendSettled
from events.fact import SendFact
from events.send import SendAccepted, SendRefused
from projections.send import State

__all__ = ["STILL_UNDER_WAY", "decide"]

STILL_UNDER_WAY: Final = 10 * 60_000
"""ms that an attempt has to be unknown before another may follow it: until then its call may still be on its way, out
of a worker that was frozen or in a queue of the provider's, whatever is seen at the provider."""


def decide(data: SendSettled, sent: State, now: int, *, resend: bool) -> list[SendFact]:
    """Settle it, or nothing where it is not unknown. A refusal that is not final lets another attempt be decided at
    once; `resend` says that the account allows one after an attempt was given up."""
    number = data.attempt if data.attempt is not None else sent.tried
    attempt = sent.attempt(number)
    if attempt is None or attempt.outcome not in ("unknown", "given_up"):
        return []
    settled = {"evidence": "operator", "by": data.by, "because": data.because}
    if data.outcome == "accepted":
        return [SendAccepted(sent.send_id, number, None, settled)]
    if number != sent.tried:  # another attempt followed it: what became of the send is told by that one
        return []
    final = not (data.again and _may_follow(sent, now, resend=resend))
    return [SendRefused(sent.send_id, number, None, None, final, settled)]


def _may_follow(sent: State, now: int, *, resend: bool) -> bool:
    """May another attempt follow the latest one, if an operator asks for it? Never twice: none does where any has
    reached the provider, and one that was given up is followed only where the account wants that."""
    if sent.request is None or sent.reached:
        return False
    if sent.phase == "given_up":
        return resend
    return sent.phase == "unknown" and now - sent.changed_at >= STILL_UNDER_WAY

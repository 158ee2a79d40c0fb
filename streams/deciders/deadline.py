"""What follows when a send's time has come, or when its worker is gone. Folds projections/send.py.

The timers of deferred sends are the dispatch decider's: they are decided anew.
"""

from events.fact import FactData
from events.message import MessageStateChanged
from events.send import SendGivenUp, SendUnknown
from projections import send
from streams.deciders.answer import RESOLVE_WITHIN

__all__ = ["abandon", "decide"]


def decide(sent: send.State) -> list[FactData]:
    """Unknown until its `resolve_by`: given up. Reported `unknown` by the provider, and nothing since: closed so."""
    if sent.phase == "unknown":
        return [SendGivenUp(sent.send_id, a.number) for a in sent.attempts if a.outcome == "unknown"]
    if sent.phase == "accepted":
        return [
            MessageStateChanged(sent.send_id, a.number, a.state, "unknown", "unknown", None, None, None)
            for a in sent.attempts[-1:]
            if send.outranks("unknown", None, a)
        ]
    return []


def abandon(sent: send.State, now: int) -> list[FactData]:
    """The worker that was permitted to call is gone and no answer came: nobody knows whether it called."""
    return [
        SendUnknown(sent.send_id, a.number, "crash", now + RESOLVE_WITHIN) for a in sent.attempts if a.outcome == "open"
    ]

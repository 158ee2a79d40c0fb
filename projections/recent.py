"""The SMS that a contact was lately sent, by class: what caps count.

Every attempt counts but those that were surely refused, and alerts, which someone else reads. NOTE: stored under
h/<account>/<contact> as {class: [[sequence of the attempt's fact, its time in ms], ...]}, the oldest first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from events.fact import Fact
from events.message import MessageStateChanged
from events.send import SendAccepted, SendAttempted, SendRefused
from events.shape import Class
from projections import send

__all__ = ["DAYS", "KEPT", "Recent", "added", "count", "evolve", "initial", "newest", "touches", "without"]

Recent = Mapping[str, Sequence[Sequence[int]]]

KEPT: Final = 1_000  # of one class: no cap allows more (events/account.py, Cap), and about 20 KiB
DAYS: Final = 366  # no cap looks further back
_DAY: Final = 86_400_000  # ms

initial: Final[Recent] = {}


def touches(fact: Fact, sent: send.State) -> bool:
    """May this fact change what was lately sent? Most answers do not, and cost no look at it."""
    data = fact.data
    if isinstance(data, SendAttempted):
        return not data.alert
    if not isinstance(data, SendRefused | SendAccepted | MessageStateChanged):
        return False
    attempt = sent.attempt(data.attempt)
    return attempt is not None and (isinstance(data, SendRefused) or (attempt.outcome == "refused" and attempt.own))


def evolve(recent: Recent, fact: Fact, sent: send.State) -> Recent:
    """Fold one fact about a send, which was `sent` before it: an attempt counts until it is surely refused, and again
    when a receipt shows that it was not."""
    data = fact.data
    if not touches(fact, sent):
        return recent
    if isinstance(data, SendAttempted):
        return added(recent, data.class_, fact.sequence, fact.time)
    assert isinstance(data, SendRefused | SendAccepted | MessageStateChanged)
    attempt = sent.attempt(data.attempt)
    assert attempt is not None
    if isinstance(data, SendRefused):
        return without(recent, attempt.sequence)
    return added(recent, sent.class_, attempt.sequence, fact.time)


def added(recent: Recent, class_: Class, sequence: int, time: int) -> Recent:
    """With one attempt more; what no cap can ask for any more is left out."""
    before = [entry for entry in recent.get(class_, ()) if entry[1] > time - DAYS * _DAY and entry[0] != sequence]
    return {**recent, class_: sorted([*before, [sequence, time]], key=_sequence)[-KEPT:]}


def without(recent: Recent, sequence: int) -> Recent:
    """Without an attempt that the provider surely did not take."""
    left = {each: [entry for entry in entries if entry[0] != sequence] for each, entries in recent.items()}
    return {each: entries for each, entries in left.items() if entries}


def count(recent: Recent, class_: Class, after: int, but: Iterable[int] = ()) -> int:
    """Attempts of a class later than `after` (ms); `but` are the sequences of those that do not count."""
    own = frozenset(but)
    return sum(time > after and sequence not in own for sequence, time in recent.get(class_, ()))


def newest(recent: Recent) -> int:
    """When the last attempt was made, ms; 0 if none is known."""
    return max((entry[1] for entries in recent.values() for entry in entries), default=0)


def _sequence(entry: Sequence[int]) -> int:
    return entry[0]

"""What an account has cancelled, and by which event: for each scope the one that reaches furthest.

A decision says which cancellation it met, so that whoever asks why an SMS did not go learns who cancelled it, and when.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from events import instant
from events.account import SendCancelled
from events.envelope import Input

__all__ = ["Cancellation", "Scope", "added", "covering"]

_KEPT: Final = 10_000  # scopes of one account: more than an operator enters, and still small

Scope = tuple[str | None, str | None]
"""What a cancellation covers: one send id or any (None), one label or any (None)."""


class Cancellation(NamedTuple):
    """Covers what was asked for before `before`. `source`, `id` and `time` are those of the event. Times in ms."""

    before: int
    source: str
    id: str
    time: int

    def told(self, scope: Scope) -> dict[str, Any]:
        """As a decision's fact says it; what the scope leaves open is left out."""
        send_id, label = scope
        named = {"send_id": send_id, "label": label}
        return {name: value for name, value in named.items() if value is not None} | {
            "before": instant.render(self.before),
            "source": self.source,
            "event": self.id,
            "time": instant.render(self.time),
        }


def covering(
    cancelled: Mapping[Scope, Cancellation], send_id: str, labels: Sequence[str], requested_at: int
) -> Scope | None:
    """The scope by which a send that was asked for at that time (ms) is cancelled, the narrowest; None: by none."""
    if not cancelled:
        return None
    for scope in [(id_, label) for id_ in (send_id, None) for label in (*labels, None)]:
        known = cancelled.get(scope)
        if known is not None and requested_at < known.before:
            return scope
    return None


def added(cancelled: Mapping[Scope, Cancellation], data: SendCancelled, event: Input) -> Mapping[Scope, Cancellation]:
    """With one more; past the limit those that reach least far are dropped. One that reaches no further than what is
    known says nothing new, whoever says it."""
    scope = (data.send_id, data.label)
    known = cancelled.get(scope)
    if known is not None and data.before <= known.before:
        return cancelled
    kept = {**cancelled, scope: Cancellation(data.before, event.source, event.id, event.time)}
    if len(kept) > _KEPT:
        least = sorted(kept, key=lambda one: kept[one].before)[: len(kept) - _KEPT]
        for dropped in least:
            del kept[dropped]
    return kept

"""What waits: fired when its hour comes, and recalled when it was cancelled meanwhile. Pure, like the roster.

A timer is a send that was deferred, or an attempt whose outcome nobody knows (projections/keyspace.py).
"""

from collections.abc import Sequence
from typing import Final

import orjson

from events.fact import SOURCE, Fact
from events.send import SendAttempted, SendDeferred
from events.shape import Class
from projections import keyspace, send
from projections.account import Directory
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import View
from streams import roster
from streams.allowance import UNLIMITED, Allowance
from streams.deciders import deadline, dispatch
from streams.deciders.request import Links, Place
from streams.leave import FREE, Gate
from streams.roster import NO_LINKS
from streams.turn import AGAIN, UNCHANGED, Cause, Decision, Turn

__all__ = ["drop", "due", "next_due", "recall", "walk"]

_WALKED: Final = tuple(keyspace.TIMERS.values())


def due(
    view: View, accounts: Directory, now: int, partition: int, mac_key: bytes, limit: int = 1000,
    links: Links = NO_LINKS, gate: Gate = FREE, keys: Keyring = NO_KEYS, class_: Class | None = None,
    allowance: Allowance = UNLIMITED, until: int | None = None,
) -> list[Decision]:  # fmt: skip
    """Fire at most `limit` timers that are due at `now`, in order; afterwards each is gone or set to a later time.
    Those of one class's sends, where it is named, and those that were due at `until` already, where that is."""
    last = now if until is None else min(until, now)
    turn = Turn(view, accounts, now, Place(partition, mac_key, links, gate, allowance), keys=keys)
    due_ones = [
        key
        for one, prefix in keyspace.TIMERS.items()
        if class_ in (None, one)
        for key, _ in view.scan(prefix, limit, keyspace.timer_key(last + 1, "", one))
    ]
    return [_fired(turn, key) for key in sorted(due_ones, key=keyspace.timer)[:limit]]


def drop(view: View, class_: Class) -> tuple[bytes, bytes]:
    """Take the first timer of a class away without firing it; return its contact, and a JSON of what waited. The send
    stays as it is: a rebuild from the journal sets its timer again. Raises ValueError where there is none."""
    ((key, _),) = view.scan(keyspace.TIMERS[class_], 1)
    due_at, hashed = keyspace.timer(key)
    view.delete(key)
    sent: send.State = view.get(keyspace.send_key(hashed)) or send.initial
    subject = sent.subject or hashed.removeprefix(AGAIN)
    told = {"subject": subject, "send_id": sent.send_id, "timer": due_at, "phase": sent.phase, "tried": sent.tried}
    return subject.encode(), orjson.dumps(told)


def next_due(view: View) -> int | None:
    """When the first timer is due, ms, or None."""
    firsts = [view.scan(prefix, 1) for prefix in keyspace.TIMERS.values()]
    return min((keyspace.timer(key)[0] for first in firsts for key, _ in first), default=None)


def walk(view: View, after: bytes, limit: int) -> tuple[list[bytes], bytes]:
    """At most `limit` timers behind the cursor `after` (b"" to begin), and the next cursor, b"" behind the last."""
    at = next((n for n, prefix in enumerate(_WALKED) if after.startswith(prefix)), 0)
    keys = [key for key, _ in view.after(after or _WALKED[at], _WALKED[at], limit)]
    behind = _WALKED[at + 1] if at + 1 < len(_WALKED) else b""
    return keys, keys[-1] if len(keys) == limit else behind


def recall(view: View, accounts: Directory, now: int, key: bytes, keys: Keyring = NO_KEYS) -> Sequence[Fact]:
    """Skip the send of a timer where it waits and was cancelled; else nothing. Nobody is asked, and nothing called."""
    due_at, hashed = keyspace.timer(key)
    sent: send.State | None = view.peek(keyspace.send_key(hashed))  # of all that are walked few will be asked for again
    if sent is None or sent.phase != "deferred" or not dispatch.cancelled(sent, accounts):
        return ()
    turn = Turn(view, accounts, now, Place(0, b""), keys=keys)
    return turn.keep(sent.subject, roster.again(turn, sent, hashed), now, Cause(f"cancelled/{hashed}/{due_at}", SOURCE))


def _fired(turn: Turn, key: bytes) -> Decision:
    due_at, hashed = keyspace.timer(key)
    if hashed.startswith(AGAIN):
        turn.keys.repeat(turn.view, hashed[len(AGAIN) :])
        turn.view.delete(key)
        return UNCHANGED
    sent = turn.send(hashed)
    cause = Cause(f"timer/{hashed}/{due_at}", SOURCE)
    if sent.phase == "deferred":
        decided = roster.dispatched(turn, sent.subject, hashed, roster.again(turn, sent, hashed), cause)
    else:
        decided = roster.applied(turn.keep(sent.subject, deadline.decide(sent), turn.now, cause))
        if sent.phase == "unknown":
            decided = _resent(turn, sent, hashed, decided, cause)
    if turn.send(hashed).due <= due_at:  # nothing followed, which cannot be: but a timer must never fire for ever
        turn.view.delete(key)
    return decided


def _resent(turn: Turn, sent: send.State, hashed: str, given_up: Decision, cause: Cause) -> Decision:
    """An account may want its SMS twice rather than not at all, even if it must wait once more for its turn. What may
    not go any more stays given up."""
    account = turn.accounts.account(sent.subject.partition("/")[0])
    if account is None or sent.class_ not in account.resend_unknown:
        return given_up
    decided = roster.again(turn, sent, hashed)
    if not any(isinstance(data, SendAttempted | SendDeferred) for data in decided):
        return given_up
    attempted = roster.dispatched(turn, sent.subject, hashed, decided, cause)
    return attempted._replace(facts=[*given_up.facts, *attempted.facts])

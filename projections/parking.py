"""Receipts that came before the attempt they tell of: kept with its send, for a time and in a number.

NOTE: stored under r/<send hash> as [day forgotten, [[attempt, data, event id, source, account], ...]]. Whose they are
is not known yet, so the data of a sealed account's is under RECADO_SECRET itself.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from events.callback import CallbackReceived
from events.envelope import Input
from projections import keyspace
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import View

__all__ = ["Waiting", "digest_key", "park", "unpark"]

_KEPT: Final = 16  # receipts a send: the provider has some ten words for one message


class Waiting(NamedTuple):
    """A parked receipt, and the event that brought it."""

    attempt: int
    data: CallbackReceived
    id: str
    source: str
    account: str  # who brought it: whose send it is, is known with the attempt only


def digest_key(hashed: str, attempt: int, data: CallbackReceived, keys: Keyring = NO_KEYS) -> bytes:
    """The key under which a receipt is known, whichever event brings it: the provider repeats them. instasent.md,
    section 3: (id, status, code, eventAt, message). Keyed: nobody else can test guesses at what was replied."""
    said = f"{data.provider_id}\0{data.status}\0{data.code}\0{data.event_at}\0{data.message}"
    return keyspace.seen_key(hashed, str(attempt), blake2b(said.encode(), digest_size=16, key=keys.numbers).hexdigest())


def park(
    view: View, hashed: str, attempt: int, event: Input, data: CallbackReceived, now: int, keys: Keyring = NO_KEYS,
    *, sealed: bool = False,
) -> bool:  # fmt: skip
    """Keep a receipt until its attempt is known; False where an equal one waits. Past the limit the oldest goes;
    it is still in recado.callbacks."""
    key = keyspace.parked_key(hashed)
    known = view.get(key)
    said = keys.hide(hashed, data.as_json()) if sealed else data.as_json()
    entry = [attempt, said, event.id, event.source, event.account]
    waiting = list(known[1]) if known else []
    digest = digest_key(hashed, attempt, data, keys)
    if any(digest_key(hashed, at, _read(other, hashed, keys), keys) == digest for at, other, *_ in waiting):
        return False
    view.put(key, [keyspace.forgotten_after(now), [*waiting, entry][-_KEPT:]])
    return True


def unpark(view: View, hashed: str, attempts: int, keys: Keyring = NO_KEYS) -> Iterator[Waiting]:
    """Take out what waited for the attempts up to this number."""
    key = keyspace.parked_key(hashed)
    known = view.get(key)
    if known is None:
        return
    later = [entry for entry in known[1] if entry[0] > attempts]
    if later:
        view.put(key, [known[0], later])
    else:
        view.delete(key)
    for attempt, data, event_id, source, account in known[1]:
        if attempt <= attempts:
            yield Waiting(attempt, _read(data, hashed, keys), event_id, source, account)


def _read(data: Any, hashed: str, keys: Keyring) -> CallbackReceived:
    return CallbackReceived.of_json(keys.shown(hashed, data) if data.keys() == {"sealed"} else data)

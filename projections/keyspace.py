"""A partition's state as keys and values.

    c/<account>/<contact>      contact.State
    s/<send hash>              send.State
    o/<send hash>              an open attempt: attempted, and no outcome yet; 1, or its likeness (events/likeness.py)
                               where the provider's list will have to be asked by it
    h/<account>/<contact>      what the contact was lately sent: projections/recent.py
    d/<account>/<day>          sends that an account attempted on a day of its time zone: projections/quota.py
    x/<account>/<send hash>    an attempt whose outcome nobody knows: see projections/unsettled.py
    t/<due ms>/<send hash>     timer of a transactional send: deferred, to be resolved, or to be closed at that time
    w/<due ms>/<send hash>     the same of a newsletter: those have slots of their own, and may have to wait for them
    t/<due ms>/-<subject>      timer: a key was destroyed, and what is told of it is told again: streams/turn.py
    i/<16 bytes>               an event that was read: the day (since the epoch) after which it is forgotten
    u/<code>                   contacts whose opt-out link has this code: one, but for one chance in 10^15
    n/<number hash>/<contact>  a contact (account/contact) that has this number: every one with it opts out together
    r/<send hash>              receipts that came before their attempt: the day they are forgotten, and themselves
    k/<account>/<contact>      the contact's key, of an account whose privacy is `sealed`: projections/keyring.py
    p/...                      the engine's own (positions, counters); p/pool/<account>/<day>: partitions that put
                               their parts of an account's day together: streams/allowance.py

c/, s/, o/, h/, d/, x/, t/, w/, u/ and n/ are what the journal comes to: projections/journal.py alone changes them.
"""

from collections.abc import Mapping
from datetime import date
from hashlib import blake2b
from typing import Any, Final, Protocol

import orjson

from events.record import Sealed, sealed_items, sealed_text
from events.shape import Class
from projections import contact, recent, send

__all__ = [
    "CONTACTS", "DAY", "DAYS", "KEPT_DAYS", "OPEN", "PARKED", "RECENT", "SEEN", "SENDS", "SWEPT", "TIMERS", "UNSETTLED",
    "MemoryView", "View", "contact_key", "day_key", "decode", "encode", "forgettable", "forgotten_after", "link_key",
    "number_key", "open_key", "owner_of", "parked_key", "pool_key", "recent_key", "seen_key", "send_key", "timer",
    "timer_key", "unsettled_key",
]  # fmt: skip

CONTACTS: Final = b"c/"
SENDS: Final = b"s/"
OPEN: Final = b"o/"
RECENT: Final = b"h/"
DAYS: Final = b"d/"
UNSETTLED: Final = b"x/"
TIMERS: Final[Mapping[Class, bytes]] = {"transactional": b"t/", "newsletter": b"w/"}
SEEN: Final = b"i/"
PARKED: Final = b"r/"

DAY: Final = 86_400_000  # ms
_EPOCH: Final = date(1970, 1, 1).toordinal()
KEPT_DAYS: Final = 35  # ids for idempotence: contract, section 2

SWEPT: Final = (SEEN, PARKED, SENDS, RECENT, DAYS)
"""What is forgotten in time, in the order in which it is walked."""


class View(Protocol):
    """The state as one decision sees it. Values are immutable; no call blocks."""

    def get(self, key: bytes) -> Any:
        """The decoded value, or None."""
        ...

    def peek(self, key: bytes) -> Any:
        """As `get`, of what is looked at once: nothing is kept for the next time."""
        ...

    def put(self, key: bytes, value: Any) -> None: ...

    def delete(self, key: bytes) -> None: ...

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, Any]]:
        """At most `limit` pairs whose key begins with `prefix`, in key order, up to but without `before`."""
        ...

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, Any]]:
        """At most `limit` pairs whose key begins with `prefix` and sorts behind `key`, in key order."""
        ...


class MemoryView:
    """A View over a dict, for tests, simulations and checks of a rebuild."""

    def __init__(self) -> None:
        self.values: dict[bytes, Any] = {}

    def get(self, key: bytes) -> Any:
        return self.values.get(key)

    def peek(self, key: bytes) -> Any:
        return self.values.get(key)

    def put(self, key: bytes, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: bytes) -> None:
        self.values.pop(key, None)

    def scan(self, prefix: bytes, limit: int, before: bytes | None = None) -> list[tuple[bytes, Any]]:
        keys = sorted(k for k in self.values if k.startswith(prefix) and (before is None or k < before))
        return [(key, self.values[key]) for key in keys[:limit]]

    def after(self, key: bytes, prefix: bytes, limit: int) -> list[tuple[bytes, Any]]:
        keys = sorted(k for k in self.values if k.startswith(prefix) and k > key)
        return [(at, self.values[at]) for at in keys[:limit]]


def contact_key(subject: str) -> bytes:
    return b"c/" + subject.encode()


def send_key(hashed: str) -> bytes:
    return b"s/" + hashed.encode()


def open_key(hashed: str) -> bytes:
    return b"o/" + hashed.encode()


def unsettled_key(account: str, hashed: str) -> bytes:
    return b"x/%s/%s" % (account.encode(), hashed.encode())


def timer_key(due: int, hashed: str, class_: Class) -> bytes:
    """Keys sort by time until the year 2286; what lies beyond it is as good as never. Without a send the key bounds all
    timers that are earlier than `due`."""
    return b"%s%013d/%s" % (TIMERS[class_], min(due, 9_999_999_999_999), hashed.encode())


def timer(key: bytes) -> tuple[int, str]:
    """The time, ms, and the send of a timer's key."""
    return int(key[2:15]), key[16:].decode()


def link_key(code: str) -> bytes:
    return b"u/" + code.encode()


def number_key(number: str, subject: str) -> bytes:
    """`number` is the hash of events/opt_out.py; an empty subject makes the prefix of all that have the number."""
    return b"n/%s/%s" % (number.encode(), subject.encode())


def owner_of(key: bytes) -> str:
    """The subject of a number's key."""
    return key[35:].decode()


def recent_key(subject: str) -> bytes:
    return b"h/" + subject.encode()


def day_key(account: str, day: str) -> bytes:
    """`day` as in 2026-11-23."""
    return f"d/{account}/{day}".encode()


def pool_key(account: str, day: str) -> bytes:
    return f"p/pool/{account}/{day}".encode()


def parked_key(hashed: str) -> bytes:
    return b"r/" + hashed.encode()


def seen_key(subject: str, source: str, event_id: str) -> bytes:
    """The key of an event that was read; the subject is in it because ids are kept by the contact's partition."""
    return b"i/" + blake2b(f"{subject}\0{source}\0{event_id}".encode(), digest_size=16).digest()


def forgotten_after(time: int) -> int:
    """The last day, counted from the epoch, on which an id that was read at `time` (ms) is known."""
    return time // DAY + KEPT_DAYS + 1


def encode(key: bytes, value: Any) -> bytes:
    """Compact JSON. States are arrays, in the order of their fields."""
    if type(value) is int:
        return b"%d" % value
    # A batch holds thousands of these, and orjson's own bytes keep a buffer of 4 KiB each: a slice is a copy that fits.
    if isinstance(value, tuple):
        return orjson.dumps(tuple(value), _default, _OPTIONS)[:-1]
    return orjson.dumps(value, None, orjson.OPT_APPEND_NEWLINE)[:-1]


_OPTIONS: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_SUBCLASS  # else a Sealed is written as its text
_SEALED: Final = b'{"sealed":'


def _default(value: object) -> object:
    if type(value) is Sealed:
        return {"sealed": str(value)}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple):
        return tuple(value)
    raise TypeError(f"a state cannot hold a {type(value).__name__}")


def decode(key: bytes, raw: bytes) -> Any:
    """The inverse of `encode`, by the first byte of the key. A state stored before a field existed gets its default."""
    value = orjson.loads(raw)
    match key[:1]:
        case b"c":
            value[11] = tuple(value[11])
            if _SEALED in raw:
                value[1], value[4] = sealed_text(value[1]), sealed_items(value[4])
            return contact.State(*value)
        case b"s":
            value[9] = tuple(send.Attempt(*attempt) for attempt in value[9])
            if _SEALED in raw:
                value[10] = sealed_items(value[10])
            return send.State(*value)
        case _:
            return value


def forgettable(key: bytes, value: Any, now: int) -> bool:
    """May this key of i/, r/, s/, h/ or d/ go, because nobody can ask for it any more? `now` in ms."""
    today = now // DAY
    match key[:2]:
        case b"i/":
            return bool(value < today)
        case b"r/":
            return bool(value[0] < today)
        case b"s/":
            return value.finished and forgotten_after(max(value.changed_at, value.requested_at)) < today
        case b"h/":
            return recent.newest(value) // DAY + recent.DAYS + 1 < today
        case b"d/":
            return date.fromisoformat(key[-10:].decode()).toordinal() - _EPOCH + KEPT_DAYS + 1 < today
        case _:
            return False

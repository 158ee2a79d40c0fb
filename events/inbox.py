"""What is told about a contact of a sealed account, until it is decided: its data under an inbox key, one of each
process and day, since who writes it knows no state and so no contact's key.

`{"sealed": "i1.<offset>.<MAC>.<sealed>"}` stands in the place of `data`; the offset is that of the key's record in
recado.inbox-keys, and the MAC shows that Recado wrote it: a reader may wait for that record, which surely lies there.
"""

import re
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Final, NamedTuple

import orjson

from events.cipher import Cipher
from events.record import Sealed

__all__ = ["DAY", "Named", "Seal", "day_of", "key_name", "made", "read", "seal"]

DAY: Final = 86_400_000  # ms
_SHAPE: Final = re.compile(r"i1\.([0-9]{1,18})\.([0-9a-f]{16})\.(s1\.[A-Za-z0-9_=-]+)")
_PERSON: Final = b"recado.inbox.key"  # 16 bytes is BLAKE2b's limit
_KEY_NAME: Final = re.compile(r"([a-z0-9-]{1,40})/([0-9]{1,9})/[0-9a-f]{16}")


class Seal(NamedTuple):
    """An inbox key at work: where its record lies, and the MAC that says so."""

    offset: int
    mac: str
    cipher: Cipher


class Named(NamedTuple):
    """What a sealed data says of its key."""

    offset: int
    sealed: Sealed


def made(key: bytes, account: str, offset: int, cipher: Cipher) -> Seal:
    """The seal of an account's new inbox key, whose record lies at `offset`. `key` is the MAC's, secret."""
    return Seal(offset, _mac(key, account, offset), cipher)


def seal(event: bytes, by: Seal, *, rename: bool = False) -> bytes:
    """An encoded event with its data sealed, for its own subject alone. `rename` seals its id too: one that is a hash
    of what was said would let guesses be tested. Sealed again by the same key, it has the same id."""
    document: dict[str, Any] = orjson.loads(event)
    subject = document["subject"]
    document["data"] = {"sealed": f"i1.{by.offset}.{by.mac}.{by.cipher.seal(subject, document['data'])}"}
    if rename:
        document["id"] = str(by.cipher.seal(subject, document["id"]))
    return orjson.dumps(document)


def read(key: bytes, account: str, text: str) -> Named | None:
    """What a sealed data names; None for what this Recado never wrote. Constant time for what has the shape."""
    match = _SHAPE.fullmatch(text)
    if match is None or not compare_digest(match[2], _mac(key, account, int(match[1]))):
        return None
    return Named(int(match[1]), Sealed(match[3]))


def key_name(account: str, at: int, token: str) -> str:
    """The key of the record of an inbox key that is first used at `at`, ms. `token` is 16 hex digits, of chance."""
    return f"{account}/{at // DAY}/{token}"


def day_of(name: str) -> int | None:
    """The day, counted from the epoch, on which an inbox key of this name was in use; None for no such name."""
    match = _KEY_NAME.fullmatch(name)
    return None if match is None else int(match[2])


def _mac(key: bytes, account: str, offset: int) -> str:
    return blake2b(f"{account}/{offset}".encode(), digest_size=8, key=key, person=_PERSON).hexdigest()

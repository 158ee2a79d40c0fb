"""Opt-outs that no reply brought: by the link in an SMS, and by the number that another contact has too.

The code of a link names the contact's partition and, by a keyed hash, the contact, with a short MAC: 16 characters
that nobody can guess and that the opt-out page can check without any look-up.
"""

from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

from pydantic import StringConstraints

from events.shape import Data, Note

ACCOUNT: Final = "opt-out"
"""The subject of a request made by a link: whose contact it is, only the partition that the code names can tell."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS: Final = 16  # of base 62: 95 bits, of which 94 are used
_PARTITION_BITS: Final = 12
_CONTACT_BITS: Final = 50
_MAC_BITS: Final = 32
_CONTACT_PERSON: Final = b"recado.link.who"  # BLAKE2b's limit is 16 bytes
_MAC_PERSON: Final = b"recado.link.mac"

Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{16}$")]


class OptOutRequested(Data):
    """A person pressed the button of the opt-out page. Written by the ingress only, into the partition that the code
    names; the event's time is that of the press."""

    TYPE: ClassVar[str] = "recado.opt_out.requested.v1"
    code: Code


class NumberOptedOut(Data):
    """The subject opted out; every other contact of the account with the same number does too. Written by the engine
    only, a copy for each partition, in the transaction that decided the opt-out. `number` is a hash: `hash_number`."""

    TYPE: ClassVar[str] = "recado.number.opted_out.v1"
    number: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    via: Literal["keyword", "link"]
    evidence: Note


class Named(NamedTuple):
    """What a code says: the partition, and the hash that stands for the contact."""

    partition: int
    contact: int


def make(key: bytes, partition: int, subject: str) -> str:
    """The code of a contact's opt-out link: 16 letters and digits. `key` is secret, at most 64 bytes."""
    if not 0 <= partition < 1 << _PARTITION_BITS:
        raise ValueError(f"no code can name partition {partition}")
    named = partition << _CONTACT_BITS | _hash(key, subject.encode(), _CONTACT_PERSON, _CONTACT_BITS)
    number = named << _MAC_BITS | _mac(key, named)
    digits = ""
    for _ in range(_CHARACTERS):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def read(key: bytes, code: str) -> Named | None:
    """What a code says, or None where this key did not make it. The MAC is compared in constant time."""
    if len(code) != _CHARACTERS or not all(char in _ALPHABET for char in code):
        return None
    number = 0
    for char in code:
        number = number * 62 + _ALPHABET.index(char)
    named, mac = number >> _MAC_BITS, number & (1 << _MAC_BITS) - 1
    if named >> _CONTACT_BITS >= 1 << _PARTITION_BITS:
        return None
    if not compare_digest(mac.to_bytes(4, "big"), _mac(key, named).to_bytes(4, "big")):
        return None
    return Named(named >> _CONTACT_BITS, named & (1 << _CONTACT_BITS) - 1)


def hash_number(account: str, number: str, key: bytes = b"") -> str:
    """32 hex digits that stand for a number (E.164) of one account. `key` is secret, at most 64 bytes: numbers are few
    enough to be tried one by one by whoever has it."""
    return blake2b(f"{account}/{number}".encode(), digest_size=16, key=key).hexdigest()


def _mac(key: bytes, named: int) -> int:
    return _hash(key, named.to_bytes(8, "big"), _MAC_PERSON, _MAC_BITS)


def _hash(key: bytes, content: bytes, person: bytes, bits: int) -> int:
    digest = blake2b(content, digest_size=8, key=key, person=person).digest()
    return int.from_bytes(digest, "big") >> 64 - bits

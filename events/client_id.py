"""The clientId of an attempt: names partition, attempt and send, with a short MAC, in at most 40 characters of
[A-Za-z0-9-] (contract, section 6), so that a receipt finds its partition without any look-up."""

import re
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, NamedTuple

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648's base32, lower-case
# Two letters at a time: the standard library takes 9 us for one of these, and a send needs three.
_PAIRS: Final = tuple(first + second for first in _LETTERS for second in _LETTERS)
_SHAPE: Final = re.compile(r"(0|[1-9a-z][0-9a-z]{0,5})-([1-9a-z][0-9a-z]{0,3})-([a-z2-7]{16})-([a-z2-7]{10})")
_PERSON: Final = b"recado.client.id"  # parts this MAC from any other use of the same key; 16 bytes is BLAKE2b's limit


class ClientId(NamedTuple):
    """What a client id of ours says; `attempt` counts from 1, `send_hash` is that of `send_hash`."""

    partition: int
    attempt: int
    send_hash: str


@lru_cache(maxsize=4_096)  # asked for some five times on a send's way
def send_hash(subject: str, send_id: str) -> str:
    """16 characters of base32, lower-case: 80 bits that stand for a send of one contact (account/contact)."""
    digest = blake2b(f"{subject}\0{send_id}".encode(), digest_size=10).digest()
    return _base32(int.from_bytes(digest), 80)


def make(key: bytes, partition: int, send_hash: str, attempt: int) -> str:
    """`<partition>-<attempt>-<send hash>-<MAC>`, the numbers in base 36. `key` is secret, at most 64 bytes."""
    if not (0 <= partition < 36**6 and 1 <= attempt < 36**4):
        raise ValueError(f"no client id can name partition {partition}, attempt {attempt}")
    named = f"{_base36(partition)}-{_base36(attempt)}-{send_hash}"
    return f"{named}-{_mac(key, named)}"


def read(key: bytes, text: str) -> ClientId | None:
    """What a client id says, or None where it is not one of ours: another shape, or a MAC that this key did not make.
    The MAC is compared in constant time."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    partition, attempt, hashed, mac = match.groups()
    if not compare_digest(mac, _mac(key, text[:-11])):
        return None
    return ClientId(int(partition, 36), int(attempt, 36), hashed)


def _base32(number: int, bits: int) -> str:
    """The letters of so many bits, a multiple of ten."""
    pairs = _PAIRS
    return "".join([pairs[number >> shift & 1023] for shift in range(bits - 10, -1, -10)])


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits


def _mac(key: bytes, named: str) -> str:
    digest = blake2b(named.encode("ascii"), digest_size=7, key=key, person=_PERSON).digest()
    return _base32(int.from_bytes(digest) >> 6, 50)  # 50 bits: enough where each guess costs a request

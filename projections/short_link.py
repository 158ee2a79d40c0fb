"""Short links: the web addresses of a text made short, so that they cost less and a click can be told.

A code is a keyed hash of its send and its place in the text: nobody can guess one, every attempt of a send has the
same, and what it stands for is in the fact of the attempt. Only an account with a `link_domain` has them.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

__all__ = ["CODE", "Shortened", "shorten"]

CODE: Final = re.compile(r"[0-9A-Za-z]{10}")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS: Final = 10  # of base 62: 59.5 bits, of which 59 are used
_PERSON: Final = b"recado.link.url"  # BLAKE2b's limit is 16 bytes
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_BEHIND: Final = ".,;:!?'"  # ends a sentence rather than an address
_OPENING: Final = {")": "(", "]": "[", "}": "{"}


class Shortened(NamedTuple):
    """The text as it is sent, and what each code in it stands for."""

    text: str
    links: Mapping[str, str]


def shorten(text: str, key: bytes, hashed: str, base: str, own: str = "") -> Shortened:
    """Exchange each web address but `own` (the opt-out's) by a short one below `base`. `hashed` names the send
    (client_id.send_hash); `key` is secret, at most 64 bytes."""
    links: dict[str, str] = {}
    codes: dict[str, str] = {}

    def short(found: re.Match[str]) -> str:
        url = _trimmed(found[0])
        if url == own or not url.isprintable():
            return found[0]
        code = codes.get(url)
        if code is None:
            code = codes[url] = _code(key, hashed, len(codes))
            links[code] = url
        return f"{base}/l/{code}{found[0][len(url) :]}"

    return Shortened(_ADDRESS.sub(short, text), links)


def _trimmed(url: str) -> str:
    """Without what stands behind it: marks, and each closing bracket that was not opened in it."""
    end = len(url)
    unopened = {closing: url.count(closing) - url.count(opening) for closing, opening in _OPENING.items()}
    while end:
        last = url[end - 1]
        if unopened.get(last, 0) > 0:
            unopened[last] -= 1
        elif last not in _BEHIND:
            break
        end -= 1
    return url[:end]


def _code(key: bytes, hashed: str, place: int) -> str:
    digest = blake2b(f"{hashed}/{place}".encode(), digest_size=8, key=key, person=_PERSON).digest()
    number = int.from_bytes(digest, "big") >> 5
    digits = ""
    for _ in range(_CHARACTERS):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits

"""Sealing: a short secret or personal value made unreadable and untouchable without RECADO_SECRET.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce, under a key that HKDF-SHA256 (RFC 5869) derives for each
purpose: a value sealed for one purpose, or in one context (an account's name, say), does not open in another.
"""

import base64
import binascii
import os
import re
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = "v1"  # NOTE: part of what is stored; another algorithm is another version, read beside this one
_NONCE: Final = 12
_TAG: Final = 16


class Unsealable(Exception):
    """The sealed text was made with another secret, purpose or context, or has been altered. Holds nothing of it."""

    def __init__(self, purpose: str) -> None:
        super().__init__(
            f"a sealed {purpose} cannot be opened: RECADO_SECRET is not the one it was sealed with, or it was altered; "
            "give Recado its former secret, or set the value again"
        )


def seal(secret: bytes, purpose: str, context: str, plain: str) -> str:
    """Seal `plain` (any text) with the 32 bytes of `secret`: "v1." and URL-safe base64, different each time."""
    nonce = os.urandom(_NONCE)
    sealed = nonce + _cipher(secret, purpose).encrypt(nonce, plain.encode("utf-8"), context.encode("utf-8"))
    return f"{_VERSION}.{base64.urlsafe_b64encode(sealed).decode('ascii').rstrip('=')}"


def unseal(secret: bytes, purpose: str, context: str, sealed: str) -> str:
    """The text that `seal` was given. Raises Unsealable."""
    version, _, text = sealed.partition(".")
    if version != _VERSION or not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise Unsealable(purpose)
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if len(raw) < _NONCE + _TAG:
            raise Unsealable(purpose)
        plain = _cipher(secret, purpose).decrypt(raw[:_NONCE], raw[_NONCE:], context.encode("utf-8"))
        return plain.decode("utf-8")
    except (binascii.Error, InvalidTag, UnicodeDecodeError):
        raise Unsealable(purpose) from None


@lru_cache(maxsize=16)
def _cipher(secret: bytes, purpose: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=b"recado", info=f"seal/{purpose}".encode()).derive(secret))

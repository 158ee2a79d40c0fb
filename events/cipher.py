"""A personal value under a key: AES-SIV (RFC 5297), which needs no nonce. The same value under the same key is the same
text each time, so that a replay and a rebuild write the same bytes; and it shows that two values of one contact are
equal, and no more.
"""

from base64 import b64decode, b64encode
from binascii import Error
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from events.record import SEALED, Sealed

__all__ = ["KEY_BYTES", "Cipher", "Closed"]

KEY_BYTES: Final = 32
_REMEMBERED: Final = 256  # values of one contact: all that it may have, a few times


class Closed(Exception):
    """A sealed value was made with another key or in another place, or has been altered. Holds nothing of it."""


class Cipher:
    """One key at work. `place` is what a value belongs to (account/contact): sealed there, it opens nowhere else."""

    __slots__ = ("_known", "_remembered", "_siv")

    def __init__(self, key: bytes, *, remembers: bool = True) -> None:
        """`remembers` False is for what is opened once, and may be large."""
        self._siv = AESSIV(key)
        self._remembered = _REMEMBERED if remembers else 0
        self._known: dict[tuple[str, str], Any] = {}  # decided about again and again: 3 us without it, 0.2 with it

    def seal(self, place: str, value: Any) -> Sealed:
        """Any JSON value as a text of letters, digits, `-` and `_`."""
        raw = self._siv.encrypt(orjson.dumps(value), [place.encode()])
        sealed = Sealed(SEALED + b64encode(raw, b"-_").decode("ascii"))
        if type(value) is str:  # what is sealed is decided about next
            self._remember((place, sealed), value)
        return sealed

    def open(self, place: str, sealed: str) -> Any:
        """The value that `seal` was given. Raises Closed."""
        known = self._known
        named = place, sealed
        if named in known:
            return known[named]
        if not sealed.startswith(SEALED):
            raise Closed("no value that this version sealed")
        try:
            raw = b64decode(sealed[len(SEALED) :], b"-_", validate=True)
            value = orjson.loads(self._siv.decrypt(raw, [place.encode()]))
        except (Error, InvalidTag, ValueError):
            raise Closed("sealed with another key, or altered") from None
        self._remember(named, value)
        return value

    def _remember(self, named: tuple[str, str], value: Any) -> None:
        if not self._remembered:
            return
        if len(self._known) >= self._remembered:
            self._known.clear()
        self._known[named] = value

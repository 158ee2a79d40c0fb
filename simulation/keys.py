"""The keys of a simulated world's contacts: a key is a function of the seed, the contact and how many facts it has, so
that who decides again makes the same one."""

from hashlib import blake2b
from typing import Final

from events.cipher import KEY_BYTES, Cipher
from projections import keyspace
from projections.keyring import Keyring
from projections.keyspace import View

_WRAPPING: Final = b"simulated secret".ljust(KEY_BYTES, b".")


class Drawn(Keyring):
    """See the module."""

    def __init__(self, seed: int) -> None:
        super().__init__(_WRAPPING, b"simulated numbers", self._drawn)
        self._seed = seed
        self._sequence = 0

    def make(self, view: View, subject: str) -> Cipher:
        state = view.get(keyspace.contact_key(subject))
        self._sequence = 0 if state is None else state.sequence
        return super().make(view, subject)

    def _drawn(self, subject: str) -> bytes:
        return blake2b(f"{self._seed}/{subject}/{self._sequence}".encode(), digest_size=KEY_BYTES).digest()

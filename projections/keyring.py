"""The keys of a partition's contacts, of accounts whose privacy is `sealed`: made, found, and destroyed.

    k/<account>/<contact>      the contact's key under RECADO_SECRET (the wrapping key); recado.keys holds the same

A state keeps personal values as the facts have them, sealed; a decision sees them opened. What no key opens any more,
an erased contact's, is as if it were not there. Pure: where a new key comes from is the shell's affair.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from events.cipher import KEY_BYTES, Cipher, Closed
from events.dead_letter import DeadLetter, concealed, revealed
from events.opt_out import hash_number
from events.privacy import is_sealed
from events.record import Sealed
from projections import contact
from projections.keyspace import View

__all__ = ["KEYS", "NO_KEYS", "Fresh", "Keyring", "WrongSecret", "key_key", "read", "written"]

KEYS: Final = b"k/"
_CIPHERS: Final = 10_000  # opened keys that are kept: some 100 bytes each, and the values that they opened
Fresh = Callable[[str], bytes]
"""A new key of 32 random bytes, for this account/contact."""


class WrongSecret(Exception):
    """A contact's key does not open: RECADO_SECRET is not the one it was wrapped with. The worker must stop: decided
    without it, everybody would look as if they had no number."""

    def __init__(self) -> None:
        super().__init__(
            "the key of a contact does not open with this RECADO_SECRET: give Recado the secret that it had when the "
            "account's privacy was set to sealed"
        )


def key_key(subject: str) -> bytes:
    return b"k/" + subject.encode()


def written(wrapped: str | None) -> bytes | None:
    """A wrapped key as the value of a record of recado.keys; None for one that was destroyed."""
    return None if wrapped is None else orjson.dumps({"sealed": wrapped})


def read(value: bytes | None) -> str | None:
    """The inverse of `written`. Raises ValueError for what is no such value."""
    if value is None:
        return None
    document = orjson.loads(value)
    if type(document) is not dict or type(document.get("sealed")) is not str:
        raise ValueError("this is no key")
    return str(document["sealed"])


def _none(_: str) -> bytes:
    raise WrongSecret


class Keyring:
    """`wrapping` is the key, of RECADO_SECRET, that contacts' keys are kept under; `numbers` that of the hashes which
    stand for numbers. `changed` are the keys that the decisions since the last `begin` made or destroyed (None)."""

    def __init__(self, wrapping: bytes | None = None, numbers: bytes = b"", fresh: Fresh = _none) -> None:
        self.changed: dict[str, str | None] = {}
        self.numbers: Final = numbers
        self._wrapping = None if wrapping is None else Cipher(wrapping)
        self._fresh = fresh
        self._ciphers: OrderedDict[str, Cipher] = OrderedDict()

    def begin(self) -> None:
        """Another input is decided; what the one before it changed was taken, or taken back."""
        self.changed.clear()

    def find(self, view: View, subject: str) -> Cipher | None:
        """The contact's key; None where it has none (any more). Raises WrongSecret."""
        wrapped = view.get(key_key(subject))
        return None if wrapped is None else self.unwrap(subject, wrapped)

    def make(self, view: View, subject: str) -> Cipher:
        """The contact's key, a new one where it has none. Raises WrongSecret."""
        found = self.find(view, subject)
        if found is not None:
            return found
        if self._wrapping is None:
            raise WrongSecret
        wrapped = str(self._wrapping.seal(subject, self._fresh(subject).hex()))
        view.put(key_key(subject), wrapped)
        self.changed[subject] = wrapped
        return self.unwrap(subject, wrapped)

    def destroy(self, view: View, subject: str) -> bool:
        """The contact's key is gone; False where it had none."""
        if view.get(key_key(subject)) is None:
            return False
        view.delete(key_key(subject))
        self.changed[subject] = None
        return True

    def repeat(self, view: View, subject: str) -> None:
        """Write once more how it stands with a contact's key: brokers compact only what is not written to any more."""
        self.changed[subject] = view.get(key_key(subject))

    def unwrap(self, subject: str, wrapped: str) -> Cipher:
        """A key as k/ and recado.keys hold it. Raises WrongSecret."""
        cipher = self._ciphers.get(wrapped)
        if cipher is not None:
            return cipher
        if self._wrapping is None:
            raise WrongSecret
        try:
            key = bytes.fromhex(self._wrapping.open(subject, wrapped))
        except (Closed, TypeError, ValueError):
            raise WrongSecret from None
        if len(key) != KEY_BYTES:
            raise WrongSecret
        cipher = self._ciphers[wrapped] = Cipher(key)
        if len(self._ciphers) > _CIPHERS:
            self._ciphers.popitem(last=False)
        return cipher

    def hide(self, place: str, value: Any) -> dict[str, str]:
        """A value under RECADO_SECRET itself, for what is deleted soon and has no contact yet. Raises WrongSecret."""
        if self._wrapping is None:
            raise WrongSecret
        return {"sealed": str(self._wrapping.seal(place, value))}

    def bury(self, letter: DeadLetter) -> DeadLetter:
        """A dead letter of nobody knows whom, likewise."""
        if self._wrapping is None:
            raise WrongSecret
        return concealed(letter, self._wrapping, "")

    def reveal(self, letter: DeadLetter, wrapped: str | None) -> DeadLetter:
        """A dead letter in clear; `wrapped` is the key of the contact that it is sealed for, as recado.keys has it.
        Raises Closed where that was destroyed, WrongSecret."""
        if letter.sealed is None:
            return letter
        if letter.sealed_for:
            if wrapped is None:
                raise Closed("the contact's key was destroyed")
            return revealed(letter, self.unwrap(letter.sealed_for, wrapped))
        if self._wrapping is None:
            raise WrongSecret
        try:
            return revealed(letter, self._wrapping)
        except Closed:
            raise WrongSecret from None

    def shown(self, place: str, hidden: Mapping[str, str]) -> Any:
        """The inverse of `hide`. Raises WrongSecret."""
        if self._wrapping is None:
            raise WrongSecret
        try:
            return self._wrapping.open(place, hidden["sealed"])
        except Closed:
            raise WrongSecret from None

    def open(self, view: View, subject: str, value: Any) -> Any:
        """A value, or a mapping's items, in clear; None, or without the items, where no key opens it."""
        if not is_sealed(value):
            return value
        cipher = self.find(view, subject)
        if isinstance(value, Mapping):
            read = {name: _opened(cipher, subject, item) for name, item in value.items()}
            return {name: item for name, item in read.items() if item is not None or value[name] is None}
        return _opened(cipher, subject, value)

    def contact(self, view: View, subject: str, state: contact.State) -> contact.State:
        """The contact as a decision sees it: number and custom fields in clear."""
        phone, fields = state.phone, state.fields
        if type(phone) is not Sealed and Sealed not in map(type, fields.values()):
            return state
        cipher = self.find(view, subject)
        read = {name: _opened(cipher, subject, item) for name, item in fields.items()}
        if None in read.values():
            read = {name: item for name, item in read.items() if item is not None}
        return state._replace(phone=_opened(cipher, subject, phone), fields=read)

    def number(self, view: View, subject: str, phone: str) -> str | None:
        """The hash that stands for a contact's number, sealed or not; None where nothing opens it any more."""
        number = self.open(view, subject, phone)
        return None if number is None else hash_number(subject.partition("/")[0], number, self.numbers)

    def same(self, view: View, subject: str, one: str, other: str | None) -> bool:
        """Are two numbers of a contact one, whether sealed or not?"""
        if one == other:
            return type(one) is type(other)
        if type(one) is not Sealed and type(other) is not Sealed:
            return False
        opened = self.open(view, subject, one)
        return opened is not None and opened == self.open(view, subject, other)


def _opened(cipher: Cipher | None, subject: str, value: Any) -> Any:
    if type(value) is not Sealed:
        return value
    if cipher is None:
        return None
    try:
        return cipher.open(subject, value)
    except Closed:
        return None


NO_KEYS: Final = Keyring()
"""For where no account is sealed. Never changed: it makes no key."""

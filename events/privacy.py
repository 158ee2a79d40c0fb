"""What of a fact is personal, and the same fact with that sealed or opened: accounts whose privacy is `sealed`.

A field that its class marks `personal` is sealed as a whole, a mapping item by item; of a request, only the items that
the mark names. Null and "" say nothing of a person and stay.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, Final

from events.cipher import Cipher, Closed
from events.fact import DATA, FactData
from events.record import Sealed

__all__ = ["has_personal", "is_sealed", "open_values", "opened", "seal_values", "sealed"]

_EVERY: Final[frozenset[str]] = frozenset()


def sealed(data: FactData, cipher: Cipher, subject: str) -> FactData:
    """The fact with its personal values under the contact's key; what is sealed already stays as it is."""
    return _changed(data, lambda value, items: seal_values(value, cipher, subject, items))


def opened(data: FactData, cipher: Cipher, subject: str) -> FactData:
    """The fact with what this key opens in clear; the rest stays sealed."""
    return _changed(data, lambda value, _: open_values(value, cipher, subject))


def has_personal(data: FactData) -> bool:
    """Does the fact hold anything that `sealed` would seal?"""
    return any(
        (any(_personal(n, v, items) for n, v in held.items()) if isinstance(held, Mapping) else _plain(held))
        for name, items in _marked(data.TYPE)
        if (held := getattr(data, name))
    )


def is_sealed(value: object) -> bool:
    """Is this value, or an item of this mapping, sealed?"""
    if isinstance(value, Mapping):
        return Sealed in map(type, value.values())
    return type(value) is Sealed


def seal_values(value: Any, cipher: Cipher, subject: str, items: frozenset[str] = _EVERY) -> Any:
    """A value sealed, or a mapping with its items sealed: those of these names, or every one."""
    if isinstance(value, Mapping):
        return {
            name: cipher.seal(subject, item) if _personal(name, item, items) else item for name, item in value.items()
        }
    return cipher.seal(subject, value) if _plain(value) else value


def open_values(value: Any, cipher: Cipher, subject: str) -> Any:
    """The inverse of `seal_values`; what this key does not open stays sealed."""
    if isinstance(value, Mapping):
        return {
            name: open_values(item, cipher, subject) if type(item) is Sealed else item for name, item in value.items()
        }
    if type(value) is not Sealed:
        return value
    try:
        return cipher.open(subject, value)
    except Closed:
        return value


def _changed(data: FactData, change: Callable[[Any, frozenset[str]], Any]) -> FactData:
    changes = {name: change(held, items) for name, items in _marked(data.TYPE) if (held := getattr(data, name))}
    of: Any = data
    return replace(of, **changes) if changes else data


def _plain(value: object) -> bool:
    return value is not None and value != "" and type(value) is not Sealed


def _personal(name: str, item: object, items: frozenset[str]) -> bool:
    if type(item) is Sealed or (items and name not in items):
        return False
    return not (items and item == "contact")  # a request's addressee: the contact itself, and no number


@cache
def _marked(type_: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """The names of a fact's personal fields, each with the items that are personal; none: every one."""
    of = next(of for of in DATA if type_ == of.TYPE)
    return tuple(
        (field.name, _EVERY if mark is True else frozenset(mark))
        for field in fields(of)
        if (mark := field.metadata.get("personal"))
    )

"""Query parameters, read strictly: an unknown name, a repeated one, or a value out of bounds is told, never guessed."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from multidict import MultiMapping

from events import instant

T = TypeVar("T")


class Refused(Exception):
    """A parameter that cannot be used: its name, the value as sent, and the rule it breaks. For the caller alone: the
    value may be personal, so it goes into no log."""

    def __init__(self, name: str, value: str, rule: str) -> None:
        super().__init__(f"{name}: {rule}")
        self.name = name
        self.value = value[:200]
        self.rule = rule


class Parameters:
    """The parameters of one request; `allowed` are the names that the route knows."""

    def __init__(self, query: MultiMapping[str], allowed: Iterable[str]) -> None:
        known = tuple(allowed)
        for name in query:
            if name not in known:
                rule = "known here: " + ", ".join(known) if known else "this address takes no parameters"
                raise Refused(name, query[name], f"is no parameter of this address; {rule}")
        self._query = query

    def word(self, name: str, allowed: Iterable[str]) -> str | None:
        """One of the words of a list."""
        words = tuple(allowed)
        return self._read(name, lambda value: value if value in words else None, "must be " + " or ".join(words))

    def text(self, name: str, characters: int) -> str | None:
        return self._read(name, lambda value: _text(value, characters), _text_rule(characters))

    def texts(self, name: str, characters: int, most: int) -> tuple[str, ...]:
        """A parameter that may be repeated."""
        values = tuple(self._query.getall(name, ()))
        if len(values) > most:
            raise Refused(name, values[most], f"may be given {most} times")
        for value in values:
            if _text(value, characters) is None:
                raise Refused(name, value, _text_rule(characters))
        return values

    def several(self, name: str, allowed: Iterable[str]) -> tuple[str, ...]:
        """Words of a list, each at most once: separated by commas, or the parameter repeated."""
        words = tuple(allowed)
        given = [word for value in self._query.getall(name, ()) for word in value.split(",")]
        for at, word in enumerate(given):
            if word not in words:
                raise Refused(name, word, "must be one or some of " + ", ".join(words))
            if word in given[:at]:
                raise Refused(name, word, "may be named once")
        return tuple(given)

    def number(self, name: str, least: int, most: int) -> int | None:
        def read(value: str) -> int | None:
            if not (value.isascii() and value.isdigit() and len(value) <= len(str(most))):
                return None
            return int(value) if least <= int(value) <= most else None

        return self._read(name, read, f"must be a whole number from {least} to {most}")

    def time(self, name: str) -> int | None:
        """Milliseconds since the epoch, UTC."""

        def read(value: str) -> int | None:
            try:
                return instant.parse(value)
            except ValueError:
                return None

        rule = "must be an RFC 3339 time with an offset, such as 2026-11-23T07:00:00Z (a + of an offset is written %2B)"
        return self._read(name, read, rule)

    def _read(self, name: str, read: Callable[[str], T | None], rule: str) -> T | None:
        values = self._query.getall(name, [])
        if not values:
            return None
        if len(values) > 1:
            raise Refused(name, values[1], "may be given once")
        found = read(values[0])
        if found is None:
            raise Refused(name, values[0], rule)
        return found


def _text(value: str, characters: int) -> str | None:
    return value if 0 < len(value) <= characters and value.isprintable() else None


def _text_rule(characters: int) -> str:
    return f"must be 1 to {characters} printable characters"

"""How a fact's dataclass lies in JSON: read once from its annotations, so that the class itself is the schema.

`from_` and `class_` are spelled `from` and `class`; a field marked `moment` is RFC 3339; one marked `personal` may be
`{"sealed": "..."}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from dataclasses import Field as DataclassField
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from events import instant

T = TypeVar("T")


SEALED: Final = "s1."
"""What a sealed value begins with. NOTE: part of what is stored; another algorithm is another version, read beside
this one."""


class Sealed(str):
    """A personal value that this process sealed, or cannot open: its ciphertext. In JSON `{"sealed": "..."}`, so that a
    reader without the contact's key, or after its erasure, still reads everything else. Contract: privacy."""

    __slots__ = ()


class Unreadable(ValueError):
    """These JSON values are no such record; the message names the field and the rule, never the value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its names, the JSON types it may have, which of these need no further look, the words it may be (None:
    any), what marks it."""

    name: str
    json: str
    types: frozenset[type]
    plain: frozenset[type]
    words: frozenset[str] | None
    moment: bool
    personal: bool
    default: Callable[[], object] | None
    annotation: Any


def _field(name: str, annotation: Any, metadata: Mapping[str, Any], default: Callable[[], object] | None) -> Field:
    members = get_args(annotation) if isinstance(annotation, UnionType) or _is_union(annotation) else (annotation,)
    types: set[type] = set()
    words: set[str] = set()
    moment = bool(metadata.get("moment"))
    for member in members:
        origin = get_origin(member)
        if origin is Literal:
            types.add(str)
            words.update(get_args(member))
        elif member is int and moment:
            types.add(str)
        elif origin in (list, dict) or member in (str, int, bool, NoneType):
            types.add(origin or member)
        elif origin is Mapping:
            types.add(dict)
        else:
            raise TypeError(f"{name}: no rule says how {member} lies in JSON")
    personal = bool(metadata.get("personal"))
    judged = {str} if moment or words else {list, dict} if personal else {list}
    return Field(
        name, name.rstrip("_"), frozenset(types), frozenset(types - judged), frozenset(words) or None, moment, personal,
        default, annotation,
    )  # fmt: skip


def _default(field: DataclassField[Any]) -> Callable[[], object] | None:
    if field.default is not MISSING:
        return lambda: field.default
    return None if field.default_factory is MISSING else field.default_factory


def _is_union(annotation: Any) -> bool:
    return NoneType in get_args(annotation) and get_origin(annotation) not in (list, dict)


class Record(Generic[T]):
    """The JSON form of one dataclass."""

    def __init__(self, of: type[T]) -> None:
        hints = get_type_hints(of)
        self.of: Final = of
        self.fields: Final = tuple(
            _field(f.name, hints[f.name], f.metadata, _default(f))
            for f in fields(of)  # type: ignore[arg-type]  # every T is a dataclass
        )
        self._names: Final = tuple(f.json for f in self.fields)
        self._plan: Final = tuple((f.json, f.plain, f) for f in self.fields)
        self._moments: Final = tuple(f.json for f in self.fields if f.moment)
        self._get: Final = attrgetter(*(f.name for f in self.fields))

    def encode(self, data: T) -> dict[str, Any]:
        """The values as JSON has them. Raises ValueError for a moment out of range."""
        values = self._get(data)
        if len(self._names) == 1:
            return {self._names[0]: values}
        document = dict(zip(self._names, values, strict=True))
        for name in self._moments:
            if document[name] is not None:
                document[name] = instant.render(document[name])
        return document

    def decode(self, document: Mapping[str, Any]) -> T:
        """The inverse of `encode`; a field that an older Recado did not write takes its default. Raises Unreadable."""
        found = 0
        values: list[Any] = []
        for name, plain, field in self._plan:
            value = document.get(name, MISSING)
            if type(value) in plain:  # what most are: a rebuild reads every fact there is
                found += 1
                values.append(value)
            elif value is not MISSING:
                found += 1
                values.append(_read(field, value))
            elif field.default is not None:
                values.append(field.default())
            else:
                raise Unreadable(f"{field.json} is missing")
        if found != len(document):
            unknown = min(set(document) - set(self._names))
            raise Unreadable(f"{unknown[:64]!r} is no field of it: a newer Recado may have written it")
        return self.of(*values)


def _read(field: Field, value: Any) -> Any:
    kind = type(value)
    if kind not in field.types:
        if field.personal and (sealed := _sealed(value)) is not None:
            return sealed
        raise Unreadable(f"{field.json} has the wrong type")
    if value is None:
        return None
    if field.words is not None and value not in field.words:
        raise Unreadable(f"{field.json} is none of " + ", ".join(sorted(field.words)))
    if field.moment:
        try:
            return instant.parse(value)
        except ValueError as error:
            raise Unreadable(f"{field.json} {error}") from None
    if kind is list and not all(type(item) is str for item in value):
        raise Unreadable(f"{field.json} must hold texts only")
    if kind is dict and field.personal and dict in map(type, value.values()):
        return _items(value)
    return value


def sealed_text(value: Any) -> Any:
    """A JSON value as `decode` reads that of a personal field: `{"sealed": "..."}` becomes Sealed."""
    sealed = _sealed(value)
    return value if sealed is None else sealed


def sealed_items(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Likewise the items of an object."""
    return None if values is None else _items(values)


def _items(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item if (sealed := _sealed(item)) is None else sealed for name, item in value.items()}


def _sealed(value: Any) -> Sealed | None:
    if type(value) is dict and len(value) == 1 and type(text := value.get("sealed")) is str and text[:3] == SEALED:
        return Sealed(text)  # and no variable that an account has called so
    return None

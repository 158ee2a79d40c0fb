"""Many rows in few statements, the same for SQLite and PostgreSQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

K = TypeVar("K")

_KEYS_A_QUERY: Final = 500


def upsert(connection: Connection, table: Table, key: Sequence[str], changed: Iterable[str] | Mapping[str, Any]) -> Any:
    """An insert that, where the key is there already, sets the columns `changed`: to the values that the row brings, or
    to those of a mapping."""
    into = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    values = changed if isinstance(changed, Mapping) else {name: into.excluded[name] for name in changed}
    return into.on_conflict_do_update(index_elements=key, set_={table.c[name]: values[name] for name in values})


def portions(keys: Iterable[K]) -> Iterator[list[K]]:
    """Keys in portions that one query can carry."""
    left = iter(keys)
    while portion := list(islice(left, _KEYS_A_QUERY)):
        yield portion


def storable(text: str) -> str:
    """PostgreSQL's text holds no NUL character, and a word of the provider's might."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text

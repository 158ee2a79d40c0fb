"""Opening the read model's database, and making or checking its tables."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from connectors.readmodel import schema, views


class DatabaseUnusable(Exception):
    """The database cannot be used as it is; the message says why and what to do, and holds no password."""


def open_database(url: str) -> Engine:
    """An engine for an URL as SQLAlchemy has them (sqlite:///path, postgresql://user:password@host/name); connects to
    nothing yet.

    SQLite: the folder is made, write-ahead logging is on, so that readers never wait for the writer.
    Raises DatabaseUnusable for an URL that is none, or of another database.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    if parsed.database not in (None, "", ":memory:"):
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnusable(
                f"The folder for the read model's database cannot be made ({error.strerror}): "
                "set RECADO_DATA or RECADO_DATABASE to a place that can be written."
            ) from error
    engine = create_engine(parsed, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end, rolled back at an exception.

    SQLite takes its one write lock at the start, so that what is read in it is what is written onto.
    """
    with engine.connect().execution_options(recado_writes=True) as connection, connection.begin():
        yield connection


def prepare(engine: Engine) -> None:
    """Make the tables and views where there are none; raise DatabaseUnusable where they are of another version."""
    try:
        with writing(engine) as connection:
            _alone(connection)
            if not _fits(connection):
                create(connection)
    except OperationalError as error:
        raise unreachable(engine, error) from error


def check(engine: Engine) -> bool:
    """Are the tables there? Makes none. Raises DatabaseUnusable where they are of another version, or none answers."""
    try:
        with engine.connect() as connection:
            return _fits(connection)
    except OperationalError as error:
        raise unreachable(engine, error) from error


def create(connection: Connection) -> None:
    """Make all tables and views, in the caller's transaction."""
    schema.metadata.create_all(connection)
    views.create(connection)
    connection.execute(schema.schema_version.insert().values(version=schema.VERSION))


def reset(engine: Engine) -> None:
    """Throw the whole read model away, whatever its version, and make it empty; the journal is read from its start."""
    try:
        with writing(engine) as connection:
            _alone(connection)
            views.drop(connection)
            schema.metadata.drop_all(connection)
            create(connection)
    except OperationalError as error:
        raise unreachable(engine, error) from error


def unreachable(engine: Engine, error: DBAPIError) -> DatabaseUnusable:
    """What to tell a person when the database does not answer: no password, and none of the driver's own words."""
    where = engine.url.render_as_string(hide_password=True)
    return DatabaseUnusable(
        f"The read model's database {where} does not answer ({type(error.orig).__name__}): "
        "check that it runs, and RECADO_DATABASE."
    )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        # The URL itself is not repeated: it may hold a password.
        raise DatabaseUnusable(
            "RECADO_DATABASE is not a database URL: write it as sqlite:///path/to/file.db "
            "or postgresql://user:password@host:5432/name."
        ) from error
    if backend not in ("sqlite", "postgresql"):
        raise DatabaseUnusable(f"RECADO_DATABASE names {backend}; the read model is kept in sqlite or postgresql.")
    return parsed


def _alone(connection: Connection) -> None:
    """Two processes that start together make the tables once. SQLite's write lock is enough there."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7236)"))


def _fits(connection: Connection) -> bool:
    """Is there a read model of this version? False where there is none, DatabaseUnusable where it is of another one."""
    if not inspect(connection).has_table(schema.schema_version.name):
        return False
    found: int = connection.execute(select(schema.schema_version.c.version)).scalar_one()
    if found != schema.VERSION:
        raise DatabaseUnusable(
            f"The read model's database has schema version {found}, this Recado needs version {schema.VERSION}. "
            "Nothing was changed. Run `recado rebuild` with this version, which writes the read model again from the "
            "journal, or start the Recado that made it."
        )
    return True


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin too late, and not at all before DDL: see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # A lost last transaction is read again from the journal, so a sync at every commit buys nothing.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA cache_size = -65536")  # KiB
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("recado_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

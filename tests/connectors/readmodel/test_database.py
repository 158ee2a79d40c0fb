"""A database that cannot be used is told in words that say what to do, and hold no password."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update

from connectors.readmodel import database, schema, views
from connectors.readmodel.database import DatabaseUnusable
from tests.connectors.readmodel.journals import rows


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense hunter2", "is not a database URL"),
        ("mysql://root:hunter2@db/recado", "names mysql; the read model is kept in sqlite or postgresql"),
        ("klingon://root:hunter2@db/recado", "is not a database URL"),
    ],
)
def test_an_url_that_cannot_be_used(url: str, told: str) -> None:
    with pytest.raises(DatabaseUnusable, match=told) as refused:
        database.open_database(url)
    assert "hunter2" not in str(refused.value)


def test_a_server_that_does_not_answer() -> None:
    engine = database.open_database("postgresql://recado:hunter2@127.0.0.1:1/recado")
    with pytest.raises(DatabaseUnusable, match="does not answer") as refused:
        database.prepare(engine)
    assert "127.0.0.1" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseUnusable, match="RECADO_DATA"):
        database.open_database(f"sqlite:///{tmp_path}/file/readmodel.db")


def test_preparing_again_changes_nothing(engine: Engine) -> None:
    before = rows(engine)
    database.prepare(engine)
    assert rows(engine) == before
    assert before["recado_schema"] == [(schema.VERSION,)]


def test_another_schema_version_is_refused_and_left_alone(engine: Engine) -> None:
    with database.writing(engine) as connection:
        connection.execute(update(schema.schema_version).values(version=schema.VERSION + 1))
    with pytest.raises(
        DatabaseUnusable,
        match=f"schema version {schema.VERSION + 1}, this Recado needs version {schema.VERSION}.*recado rebuild",
    ):
        database.prepare(engine)
    with pytest.raises(DatabaseUnusable, match=f"schema version {schema.VERSION + 1}"):
        database.check(engine)
    with engine.connect() as connection:
        assert connection.execute(select(schema.schema_version.c.version)).scalar_one() == schema.VERSION + 1
    database.reset(engine)
    database.prepare(engine)


def test_who_looks_whether_there_is_a_read_model_makes_none(engine: Engine) -> None:
    assert database.check(engine)
    with database.writing(engine) as connection:
        for view in views.NAMES:
            connection.execute(text(f"DROP VIEW {view}"))
        schema.metadata.drop_all(connection)
    assert not database.check(engine)
    assert not database.check(engine)


def test_processes_that_start_together_make_the_tables_once(engine: Engine) -> None:
    with database.writing(engine) as connection:
        for view in views.NAMES:
            connection.execute(text(f"DROP VIEW {view}"))
        schema.metadata.drop_all(connection)
    start = threading.Barrier(4)
    errors: list[BaseException] = []

    def prepare() -> None:
        start.wait()
        try:
            database.prepare(engine)
        except BaseException as error:  # noqa: BLE001 - for the test to show
            errors.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert rows(engine)["recado_schema"] == [(schema.VERSION,)]


def test_a_reader_does_not_wait_for_the_writer_and_sees_nothing_unfinished(engine: Engine) -> None:
    with database.writing(engine) as connection:
        connection.execute(schema.offsets.insert().values(topic="t", partition=0, next_offset=1))
        assert rows(engine)["offsets"] == []
    assert rows(engine)["offsets"] == [("t", 0, 1)]

"""A CSV file over HTTP: its good rows are durable when the answer comes, its wrong ones are told."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors.credentials import api_key
from connectors.http import problems
from connectors.http.imports import Imports
from connectors.kafka.appender import Appended, MemoryAppender
from connectors.kafka.outbox import Outbox
from events.examples import SEVEN
from events.partition import partition_of

SAMPLES = Path(__file__).parents[3] / "samples"
SECRET = b"s" * 32
PATH = "/v1/accounts/acme/imports?name=contacts.csv"


def ask(
    content: bytes, path: str = PATH, headers: dict[str, str] | None = None, appender: MemoryAppender | None = None
) -> tuple[int, Any, list[Appended]]:
    written = appender or MemoryAppender()
    countries: dict[str, str | None] = {"acme": "ES"}

    async def scenario() -> tuple[int, Any]:
        app = web.Application(middlewares=[problems.middleware])
        app.add_routes(Imports(Outbox(written, "recado.", 8), SECRET, lambda: SEVEN, countries.__getitem__).routes())
        async with TestClient(TestServer(app)) as client:
            account = path.split("/")[3]
            key = {"Authorization": f"Bearer {api_key(SECRET, account)}"} | (headers or {})
            response = await client.post(path, data=content, headers=key)
            if response.content_type == "text/csv":
                return response.status, await response.text()
            return response.status, await response.json(content_type=None)

    return *asyncio.run(scenario()), written.records


def test_the_good_rows_are_written_and_the_others_told_by_their_shape() -> None:
    status, answer, written = ask((SAMPLES / "contacts.csv").read_bytes())
    assert (status, answer["imported"], answer["refused"]) == (200, 1993, 7)
    assert [row["line"] for row in answer["rows"]] == [19, 103, 258, 406, 779, 1505, 1779]
    assert len(written) == 1993
    assert all(r.partition == partition_of(r.key, 8) and r.topic == "recado.contacts" for r in written)


def test_a_report_of_the_refused_rows_is_csv_with_their_values() -> None:
    status, text, written = ask(b"email,Tel\na@e.es,12\nb@e.es,612345678\n", headers={"Accept": "text/csv"})
    assert (status, len(written)) == (200, 1)
    assert text.splitlines() == ["line,column,value,reason", "2,Tel,12,no such phone number can exist"]


def test_the_same_file_again_writes_the_same_events() -> None:
    content = b"email,city\nana@example.com,Vigo\n"
    assert ask(content)[2] == ask(content)[2]


def test_who_may_not_and_what_cannot_is_refused_and_nothing_written() -> None:
    good = b"email,city\nana@example.com,Vigo\n"
    assert ask(good, headers={"Authorization": "Bearer rk_none"})[::2] == (401, [])
    assert ask(good, path="/v1/accounts/nobody/imports")[::2] == (404, [])
    assert ask(b"city\nVigo\n")[::2] == (400, [])
    assert ask(good, path=PATH + "&colour=blue")[::2] == (400, [])
    assert ask(good, headers={"Content-Encoding": "gzip"})[::2] == (415, [])


def test_rows_that_are_not_durable_are_not_called_imported() -> None:
    assert ask(b"email,city\nana@example.com,Vigo\n", appender=MemoryAppender(down=True))[0] == 503

"""A short link leads on, and that it was opened is in Kafka, with a word on whether a person did it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine

from connectors.http import problems
from connectors.http.links import ShortLinks
from connectors.kafka.appender import Appended, MemoryAppender
from connectors.kafka.outbox import Outbox, Seals
from connectors.readmodel import database, keys, queries
from connectors.readmodel.keys import Unsealer
from events import inbox, privacy
from events.cipher import Cipher
from events.codec import decode_input
from events.contact import ContactErased
from events.examples import FACTS, SEVEN, SUBJECT
from events.link import LinkOpened
from events.partition import partition_of
from events.send import SendAttempted
from events.topics import Role
from projections.keyring import Keyring, key_key
from projections.keyspace import MemoryView
from tests.connectors.readmodel.journals import Journal, write_all

URL, CODE = "https://shop.example.com/orders/1234?a=1&b=ñ", "0123456789"
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
KEYS = Keyring(b"w" * 32, b"n" * 32, lambda _: b"k" * 32)
ATTEMPTED = next(fact.data for fact in FACTS if isinstance(fact.data, SendAttempted))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_database(f"sqlite:///{tmp_path}/readmodel.db")
    database.prepare(engine)
    write_all(engine, story().slices())
    yield engine
    engine.dispose()


def story() -> Journal:
    journal = Journal()
    journal.add(SUBJECT, replace(ATTEMPTED, links={CODE: URL}))
    return journal


def open_(
    engine: Engine, path: str = f"/l/{CODE}", method: str = "GET", appender: MemoryAppender | None = None,
    headers: dict[str, str] | None = None, seals: Seals | None = None, times: int = 1,
) -> tuple[Any, list[Appended]]:  # fmt: skip
    written = appender or MemoryAppender()

    async def scenario() -> Any:
        app = web.Application(middlewares=[problems.middleware])
        outbox = Outbox(written, "recado.", 8, sealed=lambda: ["acme"], seals=seals)
        unsealer = Unsealer(engine, lambda: KEYS)
        app.add_routes(ShortLinks(outbox, engine, lambda: SEVEN, lambda: "id-1", unsealer, ack_timeout=0.05).routes())
        async with TestClient(TestServer(app)) as client:
            asked = {"User-Agent": BROWSER} | (headers or {})
            answers = [await client.request(method, path, headers=asked, allow_redirects=False) for _ in range(times)]
            return answers[-1]

    return asyncio.run(scenario()), written.records


def test_a_link_leads_on_and_is_recorded_in_its_contacts_partition(engine: Engine) -> None:
    answer, (record,) = open_(engine)
    assert (answer.status, answer.headers["Location"]) == (302, URL)
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert (record.topic, record.partition) == ("recado.callbacks", partition_of(SUBJECT.encode(), 8))
    event = decode_input(Role.CALLBACKS, record.value)
    assert (event.id, event.subject, event.time) == ("id-1", "acme", SEVEN)
    assert event.data == LinkOpened(contact="ana@example.com", send_id="order-1234", url=URL, automated=False)


class Inbox:
    """One seal for everybody."""

    async def seal(self, account: str) -> inbox.Seal:
        return inbox.made(b"m" * 32, account, 4, Cipher(b"i" * 32))


def test_a_sealed_account_s_link_leads_on_as_long_as_its_contact_has_a_key(tmp_path: Path) -> None:
    view = MemoryView()
    cipher = KEYS.make(view, SUBJECT)
    journal = Journal()
    journal.add(SUBJECT, privacy.sealed(replace(ATTEMPTED, links={CODE: URL}), cipher, SUBJECT))
    engine = database.open_database(f"sqlite:///{tmp_path}/sealed.db")
    try:
        database.prepare(engine)
        write_all(engine, journal.slices())
        assert open_(engine)[0].status == 404  # its key was not read yet
        with database.writing(engine) as connection:
            keys.write(connection, [(SUBJECT, view.get(key_key(SUBJECT)))])
        answer, (record,) = open_(engine, seals=Inbox())
        assert (answer.status, answer.headers["Location"]) == (302, URL)
        assert b"shop.example.com" not in record.value
        answered = queries.sends(engine, "order-1234")
        assert str(answered[0].row["recipient"]).startswith("s1.")
        (opened,) = Unsealer(engine, lambda: KEYS).opened(answered)
        assert (opened.row["recipient"], opened.row["text"]) == (ATTEMPTED.to, ATTEMPTED.text)
        with database.writing(engine) as connection:
            keys.write(connection, [(SUBJECT, None)])
        assert open_(engine)[0].status == 404
        (gone,) = Unsealer(engine, lambda: KEYS).opened(queries.sends(engine, "order-1234"))
        assert (gone.row["recipient"], gone.row["text"]) == (None, None)
    finally:
        engine.dispose()


def test_a_link_that_is_opened_on_and_on_leads_on_and_is_recorded_no_more(engine: Engine) -> None:
    answer, records = open_(engine, times=25)
    assert (answer.status, answer.headers["Location"]) == (302, URL)
    assert len(records) == 20


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"User-Agent": ""}),
        ("GET", {"User-Agent": "WhatsApp/2.23.20.0"}),
        ("GET", {"User-Agent": "facebookexternalhit/1.1"}),
        ("GET", {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
    ],
)
def test_a_program_that_looks_at_a_link_is_told_from_a_person(
    engine: Engine, method: str, headers: dict[str, str]
) -> None:
    answer, (record,) = open_(engine, method=method, headers=headers)
    assert answer.status == 302
    data = decode_input(Role.CALLBACKS, record.value).data
    assert isinstance(data, LinkOpened)
    assert data.automated


def test_whoever_opens_it_is_led_on_where_kafka_does_not_take_the_record(engine: Engine) -> None:
    silent = MemoryAppender()
    silent.open.clear()
    for appender in (MemoryAppender(down=True), silent):
        answer, written = open_(engine, appender=appender)
        assert (answer.status, answer.headers["Location"], written) == (302, URL, [])


@pytest.mark.parametrize("code", ["0000000000", "short", "0123456789x", "..%2F..%2Fx"])
def test_a_code_that_is_not_known_leads_nowhere(engine: Engine, code: str) -> None:
    answer, written = open_(engine, f"/l/{code}")
    assert (answer.status, answer.content_type, written) == (404, problems.MEDIA_TYPE, [])


def test_the_links_of_an_erased_contact_are_gone(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/erased.db")
    database.prepare(engine)
    journal = story()
    journal.add(SUBJECT, ContactErased("asked"))
    write_all(engine, journal.slices(bounds=[1]))
    assert open_(engine)[0].status == 404
    engine.dispose()

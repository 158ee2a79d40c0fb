"""The opt-out page over real sockets: who sees what, and what a press of the button comes to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors.http import opt_out_page, problems
from connectors.http.opt_out import OptOutPage
from connectors.kafka.appender import MemoryAppender
from events import opt_out
from events.codec import decode_input
from events.opt_out import OptOutRequested
from events.topics import Role

KEY = b"l" * 32
NOW = 1_893_499_200_000
CODE = opt_out.make(KEY, 5, "acme/ana@example.com")
Client = TestClient[web.Request, web.Application]


def visit(ask: Callable[[Client], Awaitable[Any]], appender: MemoryAppender | None = None, **limits: Any) -> Any:
    async def run() -> Any:
        page = OptOutPage(appender or MemoryAppender(), "recado.callbacks", 8, KEY, lambda: NOW, **limits)
        app = web.Application(middlewares=[problems.middleware])
        app.add_routes(page.routes())
        async with TestClient(TestServer(app)) as client:
            return await ask(client)

    return asyncio.run(run())


def fetch(method: str, code: str = CODE, lang: str = "", appender: MemoryAppender | None = None, **limits: Any) -> Any:
    async def ask(client: Client) -> tuple[int, str, Any]:
        headers = {"Accept-Language": lang} if lang else {}
        response: aiohttp.ClientResponse = await client.request(method, f"/u/{code}", headers=headers)
        return response.status, await response.text(), response.headers

    return visit(ask, appender, **limits)


def test_the_page_asks_and_has_one_button_that_posts() -> None:
    status, text, headers = fetch("GET")
    assert status == 200
    assert text.count("<button") == 1
    assert '<form method="post">' in text
    assert '<html lang="en">' in text
    assert "acme" not in text
    assert "ana" not in text.lower().replace("manage", "")
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "script" not in text
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_follows_the_link_unsubscribes_nobody(method: str) -> None:
    appender = MemoryAppender()
    assert fetch(method, appender=appender)[0] == 200
    assert appender.records == []


def test_a_press_is_kept_in_the_partition_that_the_code_names() -> None:
    appender = MemoryAppender()
    status, text, _ = fetch("POST", lang="es", appender=appender)
    assert (status, opt_out_page.TEXTS["es"].done in text) == (200, True)
    (record,) = appender.records
    assert (record.topic, record.partition) == ("recado.callbacks", 5)
    event = decode_input(Role.CALLBACKS, record.value)
    assert event.data == OptOutRequested(code=CODE)
    assert event.time == NOW


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "code", ["x", "0" * 16, CODE[:-1], CODE + "0", CODE.swapcase(), opt_out.make(KEY, 8, "acme/x"), "%00", "é" * 16]
)
def test_a_code_that_is_not_ours_leads_nowhere(method: str, code: str) -> None:
    appender = MemoryAppender()
    status, text, _ = fetch(method, code, appender=appender)
    assert status == 404
    assert "<button" not in text
    assert appender.records == []


def test_what_could_not_be_kept_is_not_confirmed() -> None:
    appender = MemoryAppender(down=True)
    status, text, _ = fetch("POST", appender=appender)
    assert (status, opt_out_page.TEXTS["en"].failed in text, "<button" in text) == (503, True, True)


def test_a_press_is_confirmed_only_once_it_is_durable() -> None:
    appender = MemoryAppender()
    appender.open.clear()
    assert fetch("POST", appender=appender, ack_timeout=0.05)[0] == 503


def test_a_link_that_is_pressed_on_and_on_is_heard_as_often_as_a_person_presses() -> None:
    appender, other = MemoryAppender(), opt_out.make(KEY, 5, "acme/eva@example.com")

    async def ask(client: Client) -> list[int]:
        return [(await client.post(f"/u/{code}")).status for code in (*[CODE] * 7, other)]

    assert visit(ask, appender) == [200] * 5 + [429] * 2 + [200]
    assert len(appender.records) == 6


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [
        ("", "en"),
        ("es", "es"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("ja, pt-BR;q=0.5, de;q=0.7", "de"),
        ("IT", "it"),
        ("ca-ES-valencia", "ca"),
        ("es;q=0, ca;q=0.1", "ca"),
        ("*", "en"),
        ("zh-Hans;q=1.0, *;q=0.5", "en"),
        ("es;q=nonsense", "en"),
        ("x" * 100_000 + ",es", "en"),
    ],
)
def test_the_page_speaks_the_reader_s_language(accepted: str, lang: str) -> None:
    assert opt_out_page.language(accepted) == lang


@pytest.mark.parametrize("lang", ["es", "en", "fr", "pt", "it", "de", "ca"])
def test_every_language_says_everything(lang: str) -> None:
    status, text, headers = fetch("GET", lang=lang)
    words = opt_out_page.TEXTS[lang]
    assert (status, headers["Content-Language"]) == (200, lang)
    assert f'<html lang="{lang}">' in text
    assert all(words)
    assert len(set(words)) == len(words)

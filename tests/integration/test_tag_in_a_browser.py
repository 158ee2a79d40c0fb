"""The tag as a page's visitor meets it: a real browser, its own CORS, two origins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.clock import SystemClock
from connectors.credentials import tag_key
from connectors.http import problems
from connectors.http.tag import Tag
from connectors.kafka.appender import MemoryAppender
from connectors.kafka.outbox import Outbox
from tests.browser import browsing, find

pytestmark = pytest.mark.browser
SECRET = b"s" * 32
FORM = """<!doctype html><meta charset="utf-8"><title>Shop</title><script src="{script}"></script>
<form data-recado-contact onsubmit="return false">
<input data-recado="contact" value="ana@example.com"><input data-recado="_mobilePhone" value="612 34 56 78">
<input data-recado="first_name" value="Ana"><input data-recado="city" value="">
<label><input type="checkbox" data-recado="_smsSubscriptionStatus" value="subscribed"> Send me <b>offers</b></label>
<button>Send</button></form>"""
SUBMIT = """new Promise(done => {
  const form = document.forms[0];
  form.addEventListener("recado:sent", () => done("sent"));
  form.addEventListener("recado:refused", event => done(event.detail));
  form.querySelector("button").click();
})"""


@asynccontextmanager
async def a_shop(script: list[str]) -> AsyncIterator[str]:
    """A web site with one page; its origin."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=FORM.replace("{script}", script[0]), content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", page)])
    async with TestServer(app, host="localhost") as server:
        yield f"http://localhost:{server.port}"


def test_a_page_sends_what_its_visitor_gave_and_a_page_of_another_origin_cannot(tmp_path: Path) -> None:
    written = MemoryAppender()
    program = find()
    assert program is not None, "no browser was found: apt-get install chromium, or set RECADO_TEST_BROWSER"

    def last() -> dict[str, object]:
        data: dict[str, object] = orjson.loads(written.records[-1].value)["data"]
        return data

    async def scenario() -> None:
        recado = web.Application(middlewares=[problems.middleware])
        recado.add_routes(Tag(Outbox(written, "recado.", 8), SECRET, SystemClock().now).routes())
        script = [""]
        async with (
            TestServer(recado) as server,
            a_shop(script) as shop,
            a_shop(script) as stranger,
            browsing(program, tmp_path / "profile") as page,
        ):
            script[0] = str(server.make_url(f"/tag/{tag_key(SECRET, 'acme', [shop])}.js"))
            await page.open(f"{shop}/?token=private")
            assert await page.evaluate(SUBMIT) == "sent"
            fields = {"_mobilePhone": "612 34 56 78", "first_name": "Ana"}
            assert last() == {"via": "tag", "fields": fields, "evidence": shop}

            await page.evaluate("document.querySelector('[type=checkbox]').click()")
            assert await page.evaluate(SUBMIT) == "sent"
            fields["_smsSubscriptionStatus"] = "subscribed"
            assert last() == {"via": "tag", "fields": fields, "evidence": f"{shop}: Send me offers"}

            said = "{contact: 'leo@example.com', fields: {city: 'Vigo'}}"
            assert await page.evaluate(f"recado.contact({said})") is True
            assert written.records[-1].key == b"acme/leo@example.com"
            refused = "recado.contact({contact: 'leo@example.com', fields: {_mobilePhoneStatus: 'active'}})"
            assert "cannot be set from a page" in await page.evaluate(f"{refused}.catch(error => error.message)")
            assert len(written.records) == 3

            await page.open(stranger)
            url = script[0].removesuffix(".js") + "/contacts"
            posting = (
                f"fetch('{url}', {{method: 'POST', headers: {{'Content-Type': 'application/json'}}, body: '{{}}'}})"
            )
            assert await page.evaluate(f"{posting}.then(() => 'let through', error => error.name)") == "TypeError"
            assert len(written.records) == 3

    asyncio.run(scenario())

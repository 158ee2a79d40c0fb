"""The opt-out page, `/u/{code}`: GET shows it, POST acts, so that a scanner that follows links unsubscribes nobody.

The page says nothing of whom the link belongs to, and needs no state: the code bears a MAC. A press is answered only
once it is durable in Kafka.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from connectors.http import opt_out_page as page
from connectors.http.rate import Rate
from connectors.kafka.appender import Appender, NotDurable
from events import opt_out
from events.codec import encode_input
from events.envelope import Input
from events.opt_out import OptOutRequested

log = logging.getLogger(__name__)

PATH: Final = "/u/{code}"
SOURCE: Final = "/recado/opt-out"
MOST_WAITING: Final = 1_024  # presses that wait for the broker at once
ACK_TIMEOUT: Final = 3.0  # seconds


def _per_code() -> Rate:
    """More than any person presses; each press is told to all partitions, and is kept for ever."""
    return Rate(burst=5, every=10_000)


@dataclass(slots=True)
class OptOutPage:
    """The page and what it depends on. `key` is that of the links; `partitions` the number of the callbacks' `topic`;
    `clock` gives ms since the epoch."""

    appender: Appender
    topic: str
    partitions: int
    key: bytes
    clock: Callable[[], int]
    ack_timeout: float = ACK_TIMEOUT
    per_code: Rate = field(default_factory=_per_code)
    _waiting: int = 0

    def routes(self) -> list[web.RouteDef]:
        """GET (and HEAD, which does as little) and POST."""
        return [web.get(PATH, self.show), web.post(PATH, self.act)]

    async def show(self, request: web.Request) -> web.Response:
        lang = _language(request)
        if self._partition(request) is None:
            return _html(page.unknown(lang), lang, 404)
        return _html(page.ask(lang), lang)

    async def act(self, request: web.Request) -> web.Response:
        """Opt out: 200 once it is durable, 404 for a code that is not ours, 429 for one that is pressed on and on, 503
        where it could not be kept."""
        lang, code, partition = _language(request), request.match_info["code"], self._partition(request)
        if partition is None:
            return _html(page.unknown(lang), lang, 404)
        now = self.clock()
        wait = self.per_code.wait(code, now)
        if wait:
            response = _html(page.failed(lang), lang, 429)
            response.headers["Retry-After"] = str(-(-wait // 1000))
            return response
        asked = Input.of(
            OptOutRequested(code=code), id=f"{code}-{now}", source=SOURCE, subject=opt_out.ACCOUNT, time=now
        )
        if self._waiting >= MOST_WAITING:
            return _html(page.failed(lang), lang, 503)
        self._waiting += 1
        try:
            async with asyncio.timeout(self.ack_timeout):
                await self.appender.append(self.topic, partition, asked.subject.encode(), encode_input(asked))
        except (TimeoutError, NotDurable):
            log.warning("an opt-out by link could not be kept; its page asks to press the button again")
            return _html(page.failed(lang), lang, 503)
        finally:
            self._waiting -= 1
        return _html(page.done(lang), lang)

    def _partition(self, request: web.Request) -> int | None:
        """The partition that the code names, None for a code that is not ours."""
        named = opt_out.read(self.key, request.match_info["code"])
        return named.partition if named is not None and named.partition < self.partitions else None


def _language(request: web.Request) -> str:
    return page.language(",".join(request.headers.getall("Accept-Language", ())))


def _html(text: str, lang: str, status: int = 200) -> web.Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": lang,
        "Content-Security-Policy": page.POLICY,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)

"""`/l/{code}`, a short link: records that it was opened, and leads on. docs/adr/046-short-links.md.

What a code stands for is read from the read model. Whoever opens it is led on even where Kafka does not take the record
in time: a person who waits for a page has nothing of a promise about statistics.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from connectors.http.problems import problem
from connectors.http.rate import Rate
from connectors.kafka.appender import NotDurable
from connectors.kafka.outbox import Outbox
from connectors.readmodel import links
from connectors.readmodel.keys import Unsealer
from events import inbox
from events.codec import encode_input
from events.envelope import Input
from events.link import LinkOpened
from events.partition import partition_of
from events.topics import Role, name
from projections.short_link import CODE

log = logging.getLogger(__name__)

PATH: Final = "/l/{code}"
SOURCE: Final = "/recado/links"
MOST_WAITING: Final = 1_024  # openings that wait for the broker at once; those beyond are led on, and not recorded
ACK_TIMEOUT: Final = 1.0  # seconds that a person may be kept waiting


def _per_code() -> Rate:
    """One link may have many readers, but each opening is kept for ever: those beyond it are led on, not recorded."""
    return Rate(burst=20, every=3_000)


# Programs that look at links: previews of messengers, search engines, virus scanners, libraries.
_MACHINES: Final = re.compile(
    r"bot|crawl|spider|preview|scan|facebookexternalhit|whatsapp|slack|skype|telegram|curl|wget|python|java/|go-http|"
    r"okhttp|headless|lighthouse|monitor|proofpoint|barracuda|mimecast",
    re.IGNORECASE,
)


@dataclass(slots=True)
class ShortLinks:
    """The path and what it depends on; `clock` gives ms since the epoch, `new_id` an id for an event."""

    outbox: Outbox
    engine: Engine
    clock: Callable[[], int]
    new_id: Callable[[], str]
    unsealer: Unsealer
    ack_timeout: float = ACK_TIMEOUT
    per_code: Rate = field(default_factory=_per_code)
    _waiting: int = field(default=0)

    def routes(self) -> list[web.RouteDef]:
        """GET, and HEAD, which no person sends."""
        return [web.get(PATH, self.open)]

    async def open(self, request: web.Request) -> web.Response:
        """302 to what the code stands for, 404 for a code that is not (or no longer) known, 503 without a database."""
        code = request.match_info["code"]
        found = None
        if CODE.fullmatch(code):
            try:
                found = await asyncio.get_running_loop().run_in_executor(None, self._find, code)
            except DBAPIError:
                return problem(503, "Service Unavailable", "This link cannot be looked up just now. Open it again.")
        if found is None:
            return problem(404, "Not Found", "This link is not valid, or no longer. Check that it was copied whole.")
        if not self.per_code.wait(code, self.clock()):
            await self._record(found, automated(request))
        return web.Response(
            status=302,
            headers={
                "Location": found.url,
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "X-Robots-Tag": "noindex",
            },
        )

    def _find(self, code: str) -> links.Link | None:
        found = links.find(self.engine, code)
        url = None if found is None else self.unsealer.url(found)
        return None if found is None or url is None else found._replace(url=url)

    async def _record(self, found: links.Link, by_machine: bool) -> None:
        if self._waiting >= MOST_WAITING:
            return
        account, _, contact = found.subject.partition("/")
        opened = LinkOpened(contact=contact, send_id=found.send_id, url=found.url, automated=by_machine)
        event = Input.of(opened, id=self.new_id(), source=SOURCE, subject=account, time=self.clock())
        partition = partition_of(found.subject.encode(), self.outbox.partitions)
        topic, key = name(self.outbox.prefix, Role.CALLBACKS), account.encode()
        self._waiting += 1
        try:
            async with asyncio.timeout(self.ack_timeout):
                value = encode_input(event)
                if self.outbox.seals is not None and account in self.outbox.sealed():
                    value = inbox.seal(value, await self.outbox.seals.seal(account))
                await self.outbox.appender.append(topic, partition, key, value)
        except (TimeoutError, NotDurable):
            log.warning("that a short link was opened could not be kept; its reader was led on all the same")
        finally:
            self._waiting -= 1


def automated(request: web.Request) -> bool:
    """Was it a program that looked, and no person? As far as it says so itself."""
    headers = request.headers
    agent = headers.get("User-Agent", "")
    fetched_ahead = any("prefetch" in headers.get(name, "").lower() for name in ("Purpose", "Sec-Purpose", "X-Moz"))
    return request.method == "HEAD" or not agent or fetched_ahead or _MACHINES.search(agent) is not None

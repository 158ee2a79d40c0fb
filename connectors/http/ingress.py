"""The ingress: a callback is answered 200 only once it is durable in Kafka, and is read later by someone else.

instasent.md, section 3: the provider wants its answer in under 5 seconds and repeats what was not answered 2xx. So the
body may take 1.5 s to arrive and the broker 3 s to acknowledge it; what takes longer is answered 503, and the callback
comes again. The path holds a secret: serve it with `runner`, or another that keeps no access log.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from connectors.http import callback, problems
from connectors.http.problems import problem
from connectors.kafka.appender import Appender, NotDurable
from connectors.kafka.outbox import Seals
from events import client_id, inbox
from events.envelope import Undecodable, split_subject
from events.partition import partition_of

log = logging.getLogger(__name__)

PATH: Final = "/callbacks/instasent/{account}/{secret}"
TWILIO_PATH: Final = "/callbacks/twilio/{account}/{secret}/{client_id}"
LARGEST_BODY: Final = 65_536  # bytes
MOST_WAITING: Final = 4_096  # callbacks that wait for the broker at once; beyond it 503, as if it were down
ACK_TIMEOUT: Final = 3.0  # seconds
BODY_TIMEOUT: Final = 1.5  # seconds


@dataclass(slots=True)
class Counts:
    """What became of the callbacks since the start."""

    durable: int = 0
    raw: int = 0  # of the durable ones, those that could not be read
    not_ours: int = 0  # of the durable ones, those without a client id that is ours
    wrong_secret: int = 0
    not_durable: int = 0
    too_large: int = 0


@dataclass(slots=True)
class Ingress:
    """The ingress and what it depends on.

    `secrets` gives an account's valid secrets, old and new during a rotation; `mac_key` is that of the client ids;
    `clock` gives ms since the epoch; `partitions` is the number of the callbacks' `topic`. `sealed` are the accounts
    whose privacy is `sealed`, None while nobody knows; `seals` seals what is told to them.
    """

    appender: Appender
    topic: str
    partitions: int
    secrets: Callable[[str], Collection[str]]
    mac_key: bytes
    clock: Callable[[], int]
    ack_timeout: float = ACK_TIMEOUT
    body_timeout: float = BODY_TIMEOUT
    counts: Counts = field(default_factory=Counts)
    sealed: Callable[[], Collection[str] | None] = tuple
    seals: Seals | None = None
    _waiting: int = 0

    def routes(self) -> list[web.RouteDef]:
        """One path for each provider, to be added to any application that has `problems.middleware`."""
        return [web.post(PATH, self.receive), web.post(TWILIO_PATH, self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one callback: 200, 404 for a wrong secret, 400 or 408 for a body that breaks off, 413, 503."""
        account, presented = request.match_info["account"], request.match_info["secret"]
        if not self._admits(account, presented):
            self.counts.wrong_secret += 1
            return problem(404, "Not Found", "There is nothing here.")
        if request.content_length is not None and request.content_length > LARGEST_BODY:
            return self._too_large()
        try:
            async with asyncio.timeout(self.body_timeout):
                body = await _body(request)
        except TimeoutError:
            return problem(408, "Request Timeout", f"The body did not arrive within {self.body_timeout} seconds.")
        except web.RequestPayloadError:
            return problem(400, "Bad Request", "The body is not what its headers say.")
        if body is None:
            return self._too_large()
        named = request.match_info.get("client_id")
        if named is None:
            return await self._keep(account, callback.event(account, body, self.clock()))
        return await self._keep(account, callback.twilio_event(account, named, body, self.clock()))

    def _admits(self, account: str, presented: str) -> bool:
        """Whether the secret is one of the account's. The time it takes does not tell which part of it was right."""
        try:
            named, contact = split_subject(account)
        except Undecodable:
            return False
        given = presented.encode("utf-8", "surrogatepass")
        admitted = False
        for secret in self.secrets(named):
            admitted |= hmac.compare_digest(secret.encode(), given)
        return admitted and not contact

    async def _keep(self, account: str, event: callback.Event) -> web.Response:
        received, value = event
        named = received.client_id
        ours = client_id.read(self.mac_key, named) if named is not None else None
        key = account.encode()
        if ours is not None and ours.partition < self.partitions:
            partition = ours.partition
        else:
            ours = None
            partition = partition_of(key, self.partitions)
        sealed = self.sealed()
        if sealed is None:
            return self._not_durable("the accounts were not read yet, and whether to seal it is theirs to say")
        if self._waiting >= MOST_WAITING:
            return self._not_durable("too many callbacks wait for the broker")
        self._waiting += 1
        try:
            async with asyncio.timeout(self.ack_timeout):
                if account in sealed and self.seals is not None:
                    value = inbox.seal(value, await self.seals.seal(account), rename=True)
                await self.appender.append(self.topic, partition, key, value)
        except TimeoutError:
            return self._not_durable(f"no acknowledgement within {self.ack_timeout} seconds")
        except NotDurable as error:
            return self._not_durable(str(error))
        finally:
            self._waiting -= 1
        self.counts.durable += 1
        self.counts.not_ours += ours is None
        self.counts.raw += received.raw is not None
        return web.json_response({"received": True})

    def _not_durable(self, why: str) -> web.Response:
        self.counts.not_durable += 1
        log.warning("a callback could not be kept: %s; the provider will repeat it", why)
        return problem(503, "Service Unavailable", "The callback could not be kept. Send it again.")

    def _too_large(self) -> web.Response:
        self.counts.too_large += 1
        return problem(413, "Content Too Large", f"A callback has at most {LARGEST_BODY} bytes.")


async def _body(request: web.Request) -> bytes | None:
    """The body; None if it is too large. Raises RequestPayloadError."""
    content = bytearray()
    async for piece in request.content.iter_chunked(LARGEST_BODY):
        content += piece
        if len(content) > LARGEST_BODY:
            return None
    return bytes(content)


def build_ingress(ingress: Ingress, ready: Callable[[], bool]) -> web.Application:
    """The ingress as an application of its own, with `/health/live` and `/health/ready`; `ready` says whether Kafka can
    be written to."""
    app = web.Application(middlewares=[problems.middleware], client_max_size=LARGEST_BODY)
    app.add_routes([*ingress.routes(), *health(ready)])
    return app


def health(ready: Callable[[], bool]) -> list[web.RouteDef]:
    """`/health/live`: the process answers. `/health/ready`: it can do its work; else 503."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def is_ready(_: web.Request) -> web.Response:
        if ready():
            return web.json_response({"status": "ready"})
        return problem(503, "Not ready", "The broker cannot be written to at present; it is tried again all the time.")

    return [web.get("/health/live", live), web.get("/health/ready", is_ready)]


def runner(app: web.Application) -> web.AppRunner:
    """A runner whose logs hold nothing of a request, since paths hold secrets; at its end, requests are still answered.

    Bodies are not decompressed, so none can be a bomb, and one that is compressed is kept as it came."""
    return web.AppRunner(
        app,
        access_log=None,
        logger=_discreet(),
        auto_decompress=False,
        shutdown_timeout=ACK_TIMEOUT + BODY_TIMEOUT,
    )


def _discreet() -> logging.Logger:
    """aiohttp's messages without tracebacks, whose last line repeats what a malformed request says."""
    logger = logging.getLogger(f"{__name__}.server")
    logger.filters[:] = [_without_traceback]
    return logger


def _without_traceback(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    if kind is not None:
        record.msg, record.args = "a request was refused or broke off: %s", (kind.__name__,)
        record.exc_info = None
    return True

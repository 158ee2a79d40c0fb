"""A simulator, a client of its API, and a receiver of its callbacks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import aiohttp
import orjson
import pytest
from aiohttp import web

from connectors import simulator
from connectors.simulator import Config, Token

TOKEN = "t0k3n"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.content)


@dataclass
class Receiver:
    """Takes callbacks; answers them with the next of `statuses`, else 200, and only while `open`."""

    url: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    media_types: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    arrivals: "asyncio.Queue[None]" = field(default_factory=asyncio.Queue)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.media_types.append(request.content_type)
        form = request.content_type.endswith("form-urlencoded")
        self.taken.append(dict(parse_qsl(body.decode())) if form else orjson.loads(body))
        self.arrivals.put_nowait(None)
        await self.open.wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@dataclass
class Simulation:
    sim: simulator.Simulator
    session: aiohttp.ClientSession
    receiver: Receiver

    async def ask(self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN, **more: Any) -> Reply:
        """One request; a path that begins with /_sim is the simulator's own."""
        url = (self.sim.root if path.startswith("/_sim") else self.sim.url) + path
        return await self.fetch(method, url, body, token=token, **more)

    async def fetch(self, method: str, url: str, body: Any = None, *, token: str | None = TOKEN, **more: Any) -> Reply:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        async with self.session.request(method, url, data=data, headers=headers, **more) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def send(
        self, client_id: str | None = "c-1", to: str = "+34600000001", text: str = "Hola", **more: Any
    ) -> Reply:
        return await self.ask("POST", "/sms", sms(client_id, to, text) | more)


def sms(client_id: str | None = "c-1", to: str = "+34600000001", text: str = "Hola") -> dict[str, Any]:
    message = {"from": "Acme", "to": to, "text": text, "allowUnicode": False}
    return message if client_id is None else message | {"clientId": client_id}


@asynccontextmanager
async def _simulation(config: Config) -> AsyncIterator[Simulation]:
    receiver = Receiver()
    receiver.open.set()
    app = web.Application()
    app.add_routes([web.post("/called", receiver.receive)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/called"
    tokens = (Token(token=TOKEN, callback_url=receiver.url, available=1_000_000), *config.tokens)
    config = config.model_copy(update={"tokens": tokens})
    async with simulator.running(config) as sim, aiohttp.ClientSession() as session:
        yield Simulation(sim, session, receiver)
        receiver.open.set()
    await runner.cleanup()


@pytest.fixture
def simulation() -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Make a Simulation of a Config's fields: steps and repeated callbacks come at once, unless they say so."""

    def make(**fields: Any) -> AbstractAsyncContextManager[Simulation]:
        at_once = ({"status": "delivered", "after": 0},)
        return _simulation(Config.model_validate({"journey": at_once, "callback_retry": 0.001} | fields))

    return make

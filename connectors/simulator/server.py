"""The simulator as an application, as a program, and as something a test holds for a while."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from connectors.simulator.api import Api
from connectors.simulator.control import Control
from connectors.simulator.faults import FaultBook, JourneyBook
from connectors.simulator.ledger import Ledger
from connectors.simulator.provider import Provider
from connectors.simulator.settings import Config
from connectors.simulator.twilio import TwilioApi

PROVIDER: Final = web.AppKey("simulated provider", Provider)


def build(config: Config | None = None, clock: Callable[[], float] = time.time) -> web.Application:
    """The simulator as an application; its provider is `app[PROVIDER]`. Callbacks are sent while the application runs.

    Raises ValueError or OSError for a ledger file that cannot be read or written."""
    config = config or Config()
    provider = Provider(config, clock)
    api = Api(provider)
    app = web.Application(client_max_size=config.max_body)
    app[PROVIDER] = provider
    app.add_routes([*Control(provider).routes(), *TwilioApi(provider, api.replies).routes(), *api.routes()])

    async def callbacks(_: web.Application) -> AsyncIterator[None]:
        await provider.callbacks.start()
        yield
        await provider.callbacks.stop()
        provider.ledger.close()

    async def closing(_: web.Application) -> None:
        api.replies.closing.set()

    app.cleanup_ctx.append(callbacks)
    app.on_shutdown.append(closing)
    return app


@dataclass(frozen=True, slots=True)
class Simulator:
    """A simulator that runs. `url` is the base URL to give to a connector, without a slash at its end."""

    root: str
    provider: Provider

    @property
    def url(self) -> str:
        return f"{self.root}/transactional/v1"

    @property
    def ledger(self) -> Ledger:
        return self.provider.ledger

    @property
    def faults(self) -> FaultBook:
        return self.provider.faults

    @property
    def journeys(self) -> JourneyBook:
        return self.provider.journeys

    async def settled(self) -> None:
        """Wait until every callback that is to be made has been made and answered, or given up."""
        await self.provider.callbacks.settled()


@contextlib.asynccontextmanager
async def running(config: Config | None = None, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Simulator]:
    """A simulator for the time of a `with`; port 0 takes a free one. Raises OSError if it cannot listen there."""
    app = build(config)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1_024)
        await site.start()
        name, chosen = runner.addresses[0][:2]
        yield Simulator(f"http://[{name}]:{chosen}" if ":" in name else f"http://{name}:{chosen}", app[PROVIDER])
    finally:
        await runner.cleanup()


async def serve(config: Config, host: str, port: int, ready: Callable[[Simulator], None]) -> None:
    """Run until SIGINT or SIGTERM; `ready` is called once it listens."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with running(config, host, port) as simulator:
        ready(simulator)
        await ended.wait()


def run(
    host: str = "127.0.0.1",
    port: int = 8081,
    config: Config | None = None,
    ready: Callable[[Simulator], None] = lambda _: None,
) -> None:
    """The simulator as a program: blocks until SIGINT or SIGTERM. Raises OSError if it cannot listen there."""
    asyncio.run(serve(config or Config(accept_any_token=True), host, port, ready))

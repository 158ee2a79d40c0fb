"""A stop that comes while the application starts, with a broker that takes connections and never answers."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from events import topics
from events.topics import Role
from streams import lifetime
from streams.engine.application import EngineApp, Membership, build_app
from streams.engine.engine import Engine

INPUTS = (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER)


class Idle:
    """An engine that owns nothing."""

    def __init__(self) -> None:
        self.wiring = SimpleNamespace(topics={role: topics.name("zz.", role) for role in Role}, inputs=INPUTS)
        self.running: dict[int, Any] = {}
        self.suspended, self.retired = True, False

    async def retire(self) -> None:
        self.retired = True

    async def release(self) -> int:
        return 0

    def wanted(self) -> dict[Any, Any]:
        return {}

    async def wait_for_room(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def fatal(self, error: BaseException) -> None:
        raise error


def test_it_ends_without_an_error(tmp_path: Path) -> None:
    async def life(port: int) -> bool:
        engine = Idle()
        app = build_app(cast("Engine", engine), Membership("zz", "w1", f"127.0.0.1:{port}", tmp_path, 2))
        strike = asyncio.create_task(_strike(app))
        await asyncio.wait_for(lifetime.live(app, lambda: True, lambda: None, (3600.0, 3600.0)), 30)
        await strike
        return engine.retired

    with socket.create_server(("127.0.0.1", 0)) as broker:
        assert asyncio.run(life(broker.getsockname()[1]))


async def _strike(app: EngineApp) -> None:
    """SIGTERM as soon as there is a consumer, which waits for the producer then."""
    async with asyncio.timeout(20):
        while app._consumer is None:  # noqa: ASYNC110 - Faust tells nobody
            await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)

"""A real browser, Chromium or Chrome, by its own DevTools protocol: no driver, no library besides aiohttp."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiohttp

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WITHIN: Final = 60  # seconds, of a machine under load
FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip


def find() -> str | None:
    """The browser of RECADO_TEST_BROWSER, else one on the path; None where there is none."""
    return os.environ.get("RECADO_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._session: str | None = None

    async def open(self, url: str) -> None:
        """Open a tab of its own at `url`; the one before is left."""
        self._session = None
        target = (await self._call("Target.createTarget", url="about:blank"))["targetId"]
        self._session = (await self._call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        await self._call("Page.enable")
        await self._call("Page.navigate", url=url)
        await self._event("Page.loadEventFired")

    async def evaluate(self, script: str) -> Any:
        """The JSON value of an expression, awaited if it is a Promise. Raises AssertionError where it throws."""
        answer = await self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": parameters} | session)
        while True:
            message = await self._socket.receive_json(timeout=WITHIN)
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]

    async def _event(self, method: str) -> None:
        while (await self._socket.receive_json(timeout=WITHIN)).get("method") != method:
            pass


@asynccontextmanager
async def browsing(program: str, data: Path) -> AsyncIterator[Page]:
    """A fresh browser whose profile lies in `data`; it is gone at the end."""
    process = await asyncio.create_subprocess_exec(
        program, *FLAGS, f"--user-data-dir={data}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    draining: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(WITHIN):
            line = b""
            while b"DevTools listening on " not in line:
                line = await process.stderr.readline()
                assert line, "the browser ended before it could be spoken to"
        draining = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as session, session.ws_connect(line.split()[-1].decode()) as socket:
            yield Page(socket)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        if draining is not None:
            await draining

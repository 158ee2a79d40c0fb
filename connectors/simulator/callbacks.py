"""The simulator's callbacks: POSTed when due, and again, with growing pauses, until they are answered 2xx in time."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode
from zlib import crc32

import aiohttp
import orjson

from connectors.simulator.ledger import CallbackCounts

_SENDERS: Final = 32
_LONGEST_PAUSE: Final = 60.0


@dataclass(slots=True)
class Callback:
    """One callback and where it goes."""

    url: str
    fields: dict[str, Any]
    form_encoded: bool = False
    attempts: int = 0

    def body(self) -> tuple[bytes, str]:
        """The body and its media type; form-encoded, numbers are text."""
        if self.form_encoded:
            return urlencode({name: str(value) for name, value in self.fields.items()}).encode(), (
                "application/x-www-form-urlencoded"
            )
        return orjson.dumps(self.fields), "application/json"


@dataclass(slots=True)
class Callbacks:
    """A timetable of things to do (a status reached, a callback due) and the senders that POST.

    `counts.pending` falls to 0 only when nothing is due, under way or waiting to be repeated.
    """

    counts: CallbackCounts
    timeout: float
    first_pause: float
    most_attempts: int
    taken: Callable[[Mapping[str, Any]], None]  # told the fields of each that was answered 2xx
    _due: list[tuple[float, int, Callable[[], Callback | None]]] = field(default_factory=list)
    _number: "itertools.count[int]" = field(default_factory=itertools.count)
    _queues: list["asyncio.Queue[Callback]"] = field(default_factory=list)
    _earlier: asyncio.Event = field(default_factory=asyncio.Event)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=_SENDERS),
            headers={"User-Agent": "Instasent-simulator"},
        )
        self._settled.set()
        self._queues = [asyncio.Queue() for _ in range(_SENDERS)]
        self._tasks = [asyncio.create_task(self._pump()), *(asyncio.create_task(self._send(q)) for q in self._queues)]

    async def stop(self) -> None:
        """Stop at once; what is still pending is never sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def schedule(self, after: float, action: Callable[[], Callback | None]) -> None:
        """Run `action` in `after` seconds and POST the callback that it returns, if any."""
        due = asyncio.get_running_loop().time() + after
        self._pend(1)
        heapq.heappush(self._due, (due, next(self._number), action))
        if self._due[0][0] == due:
            self._earlier.set()

    async def deliver(self, callback: Callback) -> None:
        """POST a callback now and wait for its answer, at most `timeout`; it is repeated later if it must be."""
        self._pend(1)
        await self._post(callback)

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await self._settled.wait()

    def _pend(self, change: int) -> None:
        self.counts.pending += change
        if self.counts.pending:
            self._settled.clear()
        else:
            self._settled.set()

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._earlier.clear()
            now = loop.time()
            while self._due and self._due[0][0] <= now:
                callback = heapq.heappop(self._due)[2]()
                if callback is None:
                    self._pend(-1)
                else:
                    # One sender for all of a message's callbacks: they are out of order only where a fault says so.
                    lane = (
                        crc32(
                            str(callback.fields.get("id", callback.fields.get("MessageSid"))).encode(
                                "utf-8", "surrogatepass"
                            )
                        )
                        % _SENDERS
                    )
                    self._queues[lane].put_nowait(callback)
            timer = loop.call_at(self._due[0][0], self._earlier.set) if self._due else None
            await self._earlier.wait()
            if timer is not None:
                timer.cancel()

    async def _send(self, queue: "asyncio.Queue[Callback]") -> None:
        while True:
            await self._post(await queue.get())

    async def _post(self, callback: Callback) -> None:
        assert self._session is not None  # noqa: S101 -- start() comes first
        callback.attempts += 1
        self.counts.made += 1
        body, media_type = callback.body()
        try:
            async with self._session.post(
                callback.url, data=body, headers={"Content-Type": media_type}, allow_redirects=False
            ) as response:
                taken = 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            taken = False
        if taken:
            self.taken(callback.fields)
        elif callback.attempts >= self.most_attempts:
            self.counts.given_up += 1
        else:
            pause = min(_LONGEST_PAUSE, self.first_pause * 2.0 ** (callback.attempts - 1))
            self.schedule(pause, lambda: callback)
        self._pend(-1)

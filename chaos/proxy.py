"""A small TCP proxy: connections that are dropped, delayed, stalled or refused, route by route.

`python -m chaos.proxy` is told its routes by its arguments (NAME:LISTEN:TARGET) and its faults by lines of JSON on
standard input: {"route", "do", "seconds"}. It listens on loopback alone, answers with one line once it listens, and one
for each order.
"""

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from chaos.ports import HOST
from streams.cli import parent

Ill = Literal["drop", "delay", "stall", "refuse"]
PIECE: Final = 65_536  # bytes read at once
DELAY: Final = 0.15  # seconds that each piece is late while a route is delayed


@dataclass
class Route:
    """One address and where it leads. `ill` says what is done to its traffic until `well` is set again."""

    listen: int
    target: int
    ill: Ill | None = None
    well: asyncio.Event = field(default_factory=asyncio.Event)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self) -> None:
        """Listen, for good."""
        self.well.set()
        await asyncio.start_server(self._connected, HOST, self.listen)

    async def suffer(self, ill: Ill, seconds: float) -> None:
        """`drop` resets what is open now; the others last so long."""
        self.ill = ill
        self.well.clear()
        try:
            if ill in ("drop", "refuse"):
                self._reset()
            if ill != "drop":
                await asyncio.sleep(seconds)
        finally:
            self.ill = None
            self.well.set()

    def _reset(self) -> None:
        for writer in self.open:
            _cut(writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.ill == "refuse":
            _cut(writer)
            return
        try:
            there, back = await asyncio.open_connection(HOST, self.target)
        except OSError:  # nobody is there: as if nobody had been here either
            _cut(writer)
            return
        both = {writer, back}
        self.open |= both
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, back))
                pumps.create_task(self._pump(there, writer))
        finally:
            self.open -= both
            for each in both:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                if self.ill == "stall":
                    await self.well.wait()
                elif self.ill == "delay":
                    await asyncio.sleep(DELAY)
                writer.write(piece)
                await writer.drain()
            writer.write_eof()


def _cut(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side learns of it by a reset, and not by an orderly end."""
    with suppress(OSError):  # closed by now
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _serve(routes: Mapping[str, Route]) -> None:
    for route in routes.values():
        await route.serve()
    _say()
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    suffering: set[asyncio.Task[None]] = set()
    while line := await orders.readline():
        order = orjson.loads(line)
        task = asyncio.create_task(routes[order["route"]].suffer(order["do"], order["seconds"]))
        suffering.add(task)
        task.add_done_callback(suffering.discard)
        await asyncio.sleep(0)  # it has begun
        _say()


def _say() -> None:
    os.write(1, b"done\n")


def main() -> None:
    """Serve until standard input ends."""
    parent.bind()
    routes = {}
    for argument in sys.argv[1:]:
        name, listen, target = argument.rsplit(":", 2)
        routes[name] = Route(int(listen), int(target))
    asyncio.run(_serve(routes))


class Proxy:
    """The proxy's process, as the run has it. `routes` name the port to listen at, and the one it leads to."""

    def __init__(self, routes: Mapping[str, tuple[int, int]], log: Path) -> None:
        self.routes = tuple(routes)
        arguments = [f"{name}:{listen}:{target}" for name, (listen, target) in routes.items()]
        with log.open("ab") as errors:
            self._process: Any = subprocess.Popen(
                [sys.executable, "-m", "chaos.proxy", *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=os.environ | {parent.ENVIRONMENT: str(os.getpid())},
            )  # fmt: skip
        self._heard(log)

    def suffer(self, route: str, ill: Ill, seconds: float = 0.0) -> None:
        """From now on, for so long. Returns once it has begun."""
        self._process.stdin.write(orjson.dumps({"route": route, "do": ill, "seconds": seconds}) + b"\n")
        self._process.stdin.flush()
        self._heard(None)

    def _heard(self, log: Path | None) -> None:
        if not self._process.stdout.readline():
            raise OSError(f"the proxy ended{f': see {log}' if log else ''}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


if __name__ == "__main__":
    main()

"""The proxy between workers and the world: what goes through, and what each of its ills does."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chaos.ports import HOST, free_ports
from chaos.proxy import DELAY, Proxy, Route


@pytest.fixture
def target() -> Iterator[int]:
    """A server that says back what it is told."""
    listening = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection: socket.socket) -> None:
        with connection:
            try:
                while said := connection.recv(1000):
                    connection.sendall(said)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield int(listening.getsockname()[1])
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)


@pytest.fixture
def listen() -> int:
    return free_ports(1)[0]


@pytest.fixture
def proxy(listen: int, target: int, tmp_path: Path) -> Iterator[Proxy]:
    with closing(Proxy({"way": (listen, target)}, tmp_path / "log")) as proxy:
        yield proxy


def connected(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=10)


def said_back(connection: socket.socket, what: bytes) -> float:
    """Seconds until it came back."""
    began = time.monotonic()
    connection.sendall(what)
    assert connection.recv(1000) == what
    return time.monotonic() - began


def test_what_is_well_goes_through(proxy: Proxy, listen: int) -> None:
    with connected(listen) as connection:
        said_back(connection, b"hello")


def test_a_drop_resets_what_is_open_and_lets_others_in(proxy: Proxy, listen: int) -> None:
    with connected(listen) as connection:
        said_back(connection, b"hello")
        proxy.suffer("way", "drop")
        with pytest.raises(ConnectionResetError):
            connection.recv(1000)
    with connected(listen) as connection:
        said_back(connection, b"again")


def test_a_delay_makes_each_piece_late_for_a_while(proxy: Proxy, listen: int) -> None:
    with connected(listen) as connection:
        proxy.suffer("way", "delay", 0.5)
        assert said_back(connection, b"hello") > DELAY


def test_a_stall_holds_everything_up_and_loses_nothing(proxy: Proxy, listen: int) -> None:
    with connected(listen) as connection:
        said_back(connection, b"hello")
        proxy.suffer("way", "stall", 0.5)
        assert said_back(connection, b"held up") > 0.3


def test_a_refusal_resets_every_connection_for_a_while(proxy: Proxy, listen: int) -> None:
    with connected(listen) as before:
        said_back(before, b"hello")
        proxy.suffer("way", "refuse", 0.5)
        with pytest.raises(ConnectionResetError):
            before.recv(1000)
        began = time.monotonic()
        while True:
            try:
                with connected(listen) as connection:
                    said_back(connection, b"again")
                    break
            except (ConnectionResetError, BrokenPipeError, AssertionError):
                assert time.monotonic() - began < 10
    assert time.monotonic() - began > 0.2


def test_a_connection_that_is_gone_by_itself_does_not_leave_its_route_ill(target: int) -> None:
    async def struck() -> Route:
        route = Route(0, target)
        _, writer = await asyncio.open_connection(HOST, target)
        writer.transport.abort()
        await asyncio.sleep(0)  # asyncio closes the socket in its loop's next turn
        route.open.add(writer)
        await route.suffer("refuse", 0.0)
        return route

    route = asyncio.run(struck())
    assert (route.ill, route.well.is_set()) == (None, True)

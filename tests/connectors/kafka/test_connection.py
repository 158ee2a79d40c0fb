"""A write to a connection that is just closing breaks it in the way that aiokafka knows, on either event loop."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.connection import heed_closed

SEND: Any = AIOKafkaConnection.send


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed here for all clients of the process is changed back."""
    for name in ("send", "_send_sasl_token"):
        write = getattr(AIOKafkaConnection, name)
        monkeypatch.setattr(AIOKafkaConnection, name, getattr(write, "__wrapped__", write))


async def write_to_a_closing_one(write: str) -> tuple[Any, AIOKafkaConnection]:
    """What comes of a write in the very turn in which the transport was closed below the connection."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.transport.abort()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    connection = AIOKafkaConnection(host, port, request_timeout_ms=1_000)
    connection._reader, connection._writer = await asyncio.open_connection(host, port)
    connection._read_task = connection._create_reader_task()
    connection._writer.transport.abort()
    await asyncio.sleep(0)
    try:
        given = b"token" if write == "_send_sasl_token" else _Prepared()
        return getattr(connection, write)(given, expect_response=False), connection
    except (RuntimeError, KafkaConnectionError) as error:
        return error, connection
    finally:
        server.close()
        await gone.wait()
        await server.wait_closed()


class _Prepared:
    """A request that needs no versions of a broker's."""

    def prepare(self, versions: object) -> Any:
        return MetadataRequest([]).prepare({3: (0, 0)})


@pytest.mark.parametrize("write", ["send", "_send_sasl_token"])
def test_on_uvloop_the_connection_is_broken_and_the_writer_told_so(write: str) -> None:
    heed_closed()
    heed_closed()  # again: nothing more
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        error, connection = runner.run(write_to_a_closing_one(write))
    assert isinstance(error, KafkaConnectionError)
    assert error.retriable
    assert not connection.connected()


def test_without_the_cure_uvloop_raises_what_aiokafka_does_not_expect() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        error, _ = runner.run(write_to_a_closing_one("send"))
    assert type(error) is RuntimeError

"""Instasent's carrier against real sockets: what left this machine, what did not, and nothing believed blindly."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from connectors import simulator
from connectors.carriers.base import Accepted, Answer, RateHeaders, Refused, Unknown
from connectors.carriers.connections import Connections
from connectors.carriers.instasent import BASE_URL, Instasent
from connectors.simulator import Config, Token

TOKEN = "s3cr3t-t0k3n"
OK = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n"
ACCEPTED = b'{"entity":{"id":"abc"}}'


@dataclass(frozen=True)
class Call:
    client_id: str = "1-1-abcdefghijklmnop-qrstuvwxyz"
    to: str = "+34600000001"
    sender: str = "Acme"
    text: str = "Tu pedido ha llegado"


@dataclass
class Peer:
    """A server that follows a script, and what reached it."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Peer], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader, peer: Peer) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    request = head + await reader.readexactly(length)
    peer.requests.append(request)
    peer.arrived.set()
    return request


@asynccontextmanager
async def peer(script: Script) -> AsyncIterator[Peer]:
    present = Peer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        present.connections += 1
        try:
            await script(reader, writer, present)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    present.port = server.sockets[0].getsockname()[1]
    try:
        yield present
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def replies(answer: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
        await read_request(reader, present)
        writer.write(answer)
        await writer.drain()

    return script


async def ask(url: str, *, connect: float = 20.0, total: float = 20.0) -> Answer:
    async with Connections(connect_timeout=connect, total_timeout=total) as connections:
        return await Instasent(connections, TOKEN, url).send(Call(), allow_unicode=False)


def answer_of(script: Script, *, total: float = 20.0) -> tuple[Answer, Peer]:
    async def scenario() -> tuple[Answer, Peer]:
        async with peer(script) as present:
            return await ask(present.url, total=total), present

    return asyncio.run(scenario())


def never_left(answer: Answer) -> bool:
    return isinstance(answer, Refused) and (answer.status, answer.final, answer.scope) == (None, False, "connection")


# What never left


def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        assert never_left(asyncio.run(ask(f"http://127.0.0.1:{taken.getsockname()[1]}")))


def test_a_name_that_does_not_resolve_sent_nothing() -> None:
    assert never_left(asyncio.run(ask("http://instasent.invalid", total=5)))


def test_tls_with_a_peer_that_speaks_none_sent_nothing() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
        present.requests.append(await reader.read(5))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def scenario() -> tuple[Answer, Peer]:
        async with peer(script) as present:
            return await ask(f"https://127.0.0.1:{present.port}"), present

    answer, present = asyncio.run(scenario())
    assert never_left(answer)
    assert present.requests[0][:1] == b"\x16", "a TLS handshake, not a request"


def test_a_handshake_that_stalls_sent_nothing_whichever_time_runs_out() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
        await reader.read()

    async def scenario(connect: float, total: float) -> Answer:
        async with peer(script) as present:
            return await ask(f"https://127.0.0.1:{present.port}", connect=connect, total=total)

    assert never_left(asyncio.run(scenario(0.1, 5.0)))
    assert never_left(asyncio.run(scenario(5.0, 0.1)))


def test_a_certificate_that_nobody_vouches_for_sent_nothing(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(100))
        writer.close()

    async def scenario() -> Answer:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            return await ask(f"https://localhost:{server.sockets[0].getsockname()[1]}")

    assert never_left(asyncio.run(scenario()))
    assert not any(requests)


def self_signed(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "peer.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_no_free_connection_in_time_sent_nothing() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
        await read_request(reader, present)
        await reader.read()

    async def scenario() -> tuple[list[Answer], Peer]:
        async with peer(script) as present, Connections(limit=1, connect_timeout=0.5, total_timeout=1.5) as connections:
            carrier = Instasent(connections, TOKEN, present.url)
            answers = await asyncio.gather(*(carrier.send(Call(), allow_unicode=False) for _ in range(2)))
            return answers, present

    answers, present = asyncio.run(scenario())
    assert isinstance(answers[0], Unknown)
    assert answers[0].reason == "timeout"
    assert never_left(answers[1])
    assert len(present.requests) == 1


# What left and was not answered


async def close_unread(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Peer) -> None:
    writer.transport.abort()


async def close_after_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
    await read_request(reader, present)


async def reset_after_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
    await read_request(reader, present)
    writer.transport.abort()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
    await read_request(reader, present)
    await reader.read()


async def stall_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
    await read_request(reader, present)
    writer.write(OK % 100 + b"{")
    await reader.read()


async def endless_continue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
    await read_request(reader, present)
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
    await read_request(reader, present)
    writer.write(b"HTTP/1.1 201 Created\r\n")
    while True:
        writer.write(b"X-More: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0)


UNKNOWN = {
    "closed before reading": (close_unread, "connection_lost"),
    "closed after reading": (close_after_reading, "connection_lost"),
    "reset after reading": (reset_after_reading, "connection_lost"),
    "silence": (say_nothing, "timeout"),
    "silence in the body": (stall_in_the_body, "timeout"),
    "nothing but 100 Continue": (endless_continue, "timeout"),
    "headers without end": (endless_headers, "server_error"),
    "half a header": (replies(b"HTTP/1.1 201 Cre"), "connection_lost"),
    "half a body": (replies(OK % 100 + ACCEPTED), "connection_lost"),
    "half a chunk": (
        replies(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"), "connection_lost",
    ),
    "no HTTP at all": (replies(b"\x00\xff\x00 SSH-2.0\r\n\r\n"), "server_error"),
    "ten megabytes": (replies(OK % 10_485_760 + b" " * 10_485_760), "server_error"),
    "a header line of a megabyte": (
        replies(b"HTTP/1.1 201 Created\r\nX: " + b"x" * 1_048_576 + b"\r\n\r\n"), "server_error",
    ),
    "compressed though unasked": (
        replies(b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"),
        "server_error",
    ),
    "switching protocols": (replies(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "server_error"),
    "a status beyond all": (replies(b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), "server_error"),
    "two lengths": (
        replies(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), "server_error",
    ),
    "a body nested ten thousand deep": (replies(OK % 20_000 + b"[" * 10_000 + b"]" * 10_000), "server_error"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_left_without_a_readable_answer_is_unknown_and_is_not_sent_again(name: str) -> None:
    script, reason = UNKNOWN[name]
    answer, present = answer_of(script, total=0.4 if reason == "timeout" else 20.0)
    assert isinstance(answer, Unknown), answer
    assert answer.reason == reason
    assert present.connections == 1
    assert len(present.requests) <= 1


def test_a_kept_connection_that_the_server_closed_is_not_used_again() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, present: Peer) -> None:
        await read_request(reader, present)
        writer.write(OK % len(ACCEPTED) + ACCEPTED)
        await writer.drain()

    async def scenario() -> tuple[list[Answer], Peer]:
        async with peer(script) as present, Connections() as connections:
            carrier = Instasent(connections, TOKEN, present.url)
            answers = [await carrier.send(Call(), allow_unicode=False)]
            while any_idle(connections):  # noqa: ASYNC110 -- aiohttp has no event for the server's close
                await asyncio.sleep(0)
            answers.append(await carrier.send(Call(), allow_unicode=False))
            return answers, present

    answers, present = asyncio.run(scenario())
    assert answers == [Accepted("abc"), Accepted("abc")]
    assert (present.connections, len(present.requests)) == (2, 2)


def any_idle(connections: Connections) -> bool:
    pool = connections.session.connector._conns  # type: ignore[union-attr]
    return any(protocol.is_connected() for kept in pool.values() for protocol, _ in kept)


@settings(max_examples=60)
@forall(st.binary(max_size=400), st.booleans())
def test_no_answer_whatever_makes_it_raise(garbage: bytes, well_begun: bool) -> None:
    answer, present = answer_of(replies((b"HTTP/1.1 201 Created\r\n" if well_begun else b"") + garbage))
    assert isinstance(answer, Unknown | Refused | Accepted)
    assert not never_left(answer)
    assert len(present.requests) == 1


def test_a_cancelled_call_is_the_callers_to_judge() -> None:
    async def scenario() -> None:
        async with peer(say_nothing) as present, Connections() as connections:
            call = asyncio.ensure_future(Instasent(connections, TOKEN, present.url).send(Call(), allow_unicode=False))
            await present.arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(scenario())


# What is said, and what is not


def test_the_request_is_what_instasent_documents() -> None:
    _, present = answer_of(replies(OK % len(ACCEPTED) + ACCEPTED))
    head, _, body = present.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /sms HTTP/1.1"
    assert {"Authorization: Bearer s3cr3t-t0k3n", "Content-Type: application/json", "Accept: application/json"} < set(
        lines
    )
    assert orjson.loads(body) == {
        "from": "Acme",
        "to": "+34600000001",
        "text": "Tu pedido ha llegado",
        "allowUnicode": False,
        "clientId": "1-1-abcdefghijklmnop-qrstuvwxyz",
    }
    assert head.count(TOKEN.encode()) == 1
    assert TOKEN.encode() not in body


@pytest.mark.parametrize("base", ["/transactional/v1", "/transactional/v1/", ""])
def test_a_base_url_may_have_a_path_and_a_slash(base: str) -> None:
    async def scenario() -> bytes:
        async with peer(replies(OK % len(ACCEPTED) + ACCEPTED)) as present:
            await ask(present.url + base)
            return present.requests[0].split(b"\r\n")[0]

    assert asyncio.run(scenario()).decode() == f"POST {base.rstrip('/')}/sms HTTP/1.1"


def test_the_token_is_in_no_log_answer_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = orjson.dumps({"message": f"invalid token {TOKEN}", "errors": {"to": [f"{TOKEN}?"]}})
    answers = [
        answer_of(replies(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(echo)) + echo))[0]
        for status in (201, 400, 401, 404, 429, 500)
    ]
    answers += [answer_of(close_unread)[0], answer_of(replies(b"\x00"))[0]]
    carrier = Instasent(Connections(), TOKEN)
    assert TOKEN not in repr(answers) + repr(carrier) + str(carrier) + caplog.text
    assert "[token]" in repr(answers)


def test_no_number_or_text_is_in_a_log_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = repr([answer_of(script, total=1.0)[0] for script in (close_unread, replies(b"\x00"), say_nothing)])
    for private in (Call.to, Call.text):
        assert private not in said + caplog.text


@pytest.mark.parametrize("token", ["", "two words", "a\r\nX-Injected: 1", "ñ", "x" * 1_025])
def test_a_token_that_cannot_be_one_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValueError, match="paste it again") as refusal:
        Instasent(Connections(), token)
    assert not token or token not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    ["", "api.instasent.com", "ftp://x", "http://", "https://u:p@x", "https://x?access_token=1", "http://x:99999"],
)
def test_a_base_url_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        Instasent(Connections(), TOKEN, url)


def test_the_documented_base_url_is_the_default() -> None:
    assert Instasent(Connections(), TOKEN).base_url == BASE_URL == "https://api.instasent.com/transactional/v1"


def test_connections_that_are_not_open_say_so() -> None:
    async def scenario() -> None:
        await Instasent(Connections(), TOKEN).send(Call(), allow_unicode=False)

    with pytest.raises(RuntimeError, match="not open"):
        asyncio.run(scenario())


# The rate


def test_every_answer_carries_what_the_headers_said() -> None:
    async def scenario() -> tuple[Answer, Answer]:
        config = Config(tokens=(Token(token=TOKEN),), rate_limit=1)
        async with simulator.running(config) as running, Connections() as connections:
            carrier = Instasent(connections, TOKEN, running.url)
            first = await carrier.send(Call(), allow_unicode=False)
            return first, await carrier.send(Call(), allow_unicode=False)

    first, second = asyncio.run(scenario())
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert second.scope == "rate"
    assert (first.rate.limit, first.rate.remaining) == (1, 0)
    assert first.rate.reset_at == second.rate.reset_at
    now = int(datetime.now(UTC).timestamp() * 1_000)
    assert second.rate.wait(now) is not None
    assert 0 < (second.rate.reset_at or 0) - now <= 61_000


def test_hostile_rate_headers_are_not_said() -> None:
    head = b"HTTP/1.1 201 Created\r\nX-RateLimit-Limit: many\r\nX-RateLimit-Remaining: -1\r\n"
    head += b"X-RateLimit-Reset: 99999999999999999999\r\nContent-Length: %d\r\n\r\n" % len(ACCEPTED)
    answer, _ = answer_of(replies(head + ACCEPTED))
    assert answer == Accepted("abc", RateHeaders(None, None, None))


@pytest.mark.parametrize(
    ("reset_at", "wait"),
    [(None, None), (999_000, None), (1_000_000, None), (1_000_001, 1_000), (1_030_000, 30_000), (9_999_999, 120_000)],
)
def test_a_wait_is_between_one_second_and_two_minutes(reset_at: int | None, wait: int | None) -> None:
    assert RateHeaders(reset_at=reset_at).wait(1_000_000) == wait

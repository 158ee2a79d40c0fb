"""The ingress over real sockets: whom it lets in, what it keeps and where, and when it says 200."""

import asyncio
import gzip
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import orjson
import pytest
from aiohttp import web

from connectors.credentials import callback_secret, mac_key
from connectors.http.ingress import LARGEST_BODY, Ingress, build_ingress, runner
from connectors.kafka.appender import MemoryAppender
from events import client_id, inbox
from events.callback import CallbackReceived
from events.cipher import Cipher
from events.codec import decode_input
from events.partition import partition_of
from events.topics import Role

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = mac_key(SECRET)
GOOD = callback_secret(SECRET, "acme")
NOW = 1_893_499_200_000
PARTITIONS = 8


class Reply(NamedTuple):
    status: int
    content_type: str
    body: Any


@dataclass
class World:
    appender: MemoryAppender
    ingress: Ingress
    session: aiohttp.ClientSession
    port: int = 0
    generations: list[int] = field(default_factory=lambda: [1])
    ready: bool = True

    async def call(self, body: Any, path: str = f"/callbacks/instasent/acme/{GOOD}", **more: Any) -> Reply:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.post(url, data=data, **more) as response:
            return Reply(response.status, response.content_type, await response.json(content_type=None))

    async def get(self, path: str) -> Reply:
        async with self.session.get(f"http://127.0.0.1:{self.port}{path}") as response:
            return Reply(response.status, response.content_type, await response.json(content_type=None))

    async def raw(self, request: bytes, *, close: bool = False) -> bytes:
        """Send bytes, half-close if asked to, and return what comes back until the end or a whole head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        await writer.drain()
        if close:
            writer.write_eof()
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            return error.partial
        finally:
            writer.close()
            await writer.wait_closed()

    def kept(self) -> list[CallbackReceived]:
        received = [decode_input(Role.CALLBACKS, record.value).data for record in self.appender.records]
        return [data for data in received if isinstance(data, CallbackReceived)]


@asynccontextmanager
async def world(**limits: Any) -> AsyncIterator[World]:
    appender = MemoryAppender()

    def secrets(account: str) -> Collection[str]:
        return [callback_secret(SECRET, account, generation) for generation in given.generations]

    ingress = Ingress(appender, "recado.callbacks", PARTITIONS, secrets, KEY, lambda: NOW, **limits)
    async with aiohttp.ClientSession() as session:
        given = World(appender, ingress, session)
        served = runner(build_ingress(ingress, lambda: given.ready))
        await served.setup()
        await web.TCPSite(served, "127.0.0.1", 0).start()
        given.port = served.addresses[0][1]
        try:
            yield given
        finally:
            await served.cleanup()


def receipt(**change: Any) -> dict[str, Any]:
    mine = client_id.make(KEY, 5, client_id.send_hash("acme/ana@example.com", "s-1"), 1)
    return {"id": "sms-id", "clientId": mine, "status": "delivered", "code": 0} | change


# Whose privacy is sealed


class Inbox:
    """One seal for everybody."""

    async def seal(self, account: str) -> inbox.Seal:
        return inbox.made(KEY, account, 4, Cipher(b"i" * 32))


def test_a_sealed_account_s_callback_is_sealed_with_its_id_and_another_s_is_not() -> None:
    async def scenario() -> None:
        async with world() as given:
            given.ingress.seals = Inbox()
            said = receipt(message="¿Cuándo llega?")
            accounts: list[str] = []
            given.ingress.sealed = lambda: accounts
            for sealed in ([], ["acme"], ["acme"]):
                accounts[:] = sealed
                assert (await given.call(said)).status == 200
            clear, one, other = (orjson.loads(record.value) for record in given.appender.records)
            assert clear["data"]["message"] == "¿Cuándo llega?"
            assert one == {**other, "time": one["time"]}  # the same receipt again is the same event
            assert (one["subject"], one["data"].keys()) == ("acme", {"sealed"})
            assert one["id"] != clear["id"]

    asyncio.run(scenario())


def test_while_nobody_knows_whose_callbacks_to_seal_none_is_taken() -> None:
    async def scenario() -> None:
        async with world() as given:
            given.ingress.sealed = lambda: None
            assert (await given.call(receipt())).status == 503
            assert given.appender.records == []

    asyncio.run(scenario())


# Where it goes


def test_a_receipt_goes_to_the_partition_that_its_client_id_names() -> None:
    async def scenario() -> None:
        async with world() as given:
            assert (await given.call(receipt())).status == 200
            (record,) = given.appender.records
            assert (record.topic, record.partition, record.key) == ("recado.callbacks", 5, b"acme")
            assert given.kept()[0].status == "delivered"
            assert given.ingress.counts.durable == 1
            assert given.ingress.counts.not_ours == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "client",
    [
        None,
        "somebody-elses",
        client_id.make(b"another key", 5, client_id.send_hash("acme/ana@example.com", "s-1"), 1),
        client_id.make(KEY, PARTITIONS, client_id.send_hash("acme/ana@example.com", "s-1"), 1),
    ],
)
def test_one_whose_client_id_is_not_ours_goes_by_its_account(client: str | None) -> None:
    async def scenario() -> None:
        async with world() as given:
            assert (await given.call(receipt(clientId=client))).status == 200
            assert given.appender.records[0].partition == partition_of(b"acme", PARTITIONS)
            assert given.ingress.counts.not_ours == 1

    asyncio.run(scenario())


def test_the_same_receipt_twice_is_the_same_event_twice() -> None:
    async def scenario() -> None:
        async with world() as given:
            for _ in range(2):
                await given.call(receipt())
            first, second = given.appender.records
            assert first == second

    asyncio.run(scenario())


# Who is let in


@pytest.mark.parametrize(
    "path",
    [
        "/callbacks/instasent/acme/wrong",
        f"/callbacks/instasent/acme/{GOOD[:-1]}",
        f"/callbacks/instasent/acme/{GOOD}x",
        f"/callbacks/instasent/acme/{GOOD.upper()}",
        f"/callbacks/instasent/other/{GOOD}",
        f"/callbacks/instasent/ACME/{GOOD}",
        f"/callbacks/instasent/acme%2Fana/{GOOD}",
        f"/callbacks/instasent/-/{GOOD}",
        f"/callbacks/instasent/{'a' * 41}/{GOOD}",
        "/callbacks/instasent/acme/%C3%B1%F0%9F%98%80",
        "/callbacks/instasent/acme/%FF%00",
        "/callbacks/instasent/acme/",
        f"/callbacks/another/acme/{GOOD}",
        "/elsewhere",
    ],
)
def test_everything_else_is_404_and_all_alike(path: str) -> None:
    async def scenario() -> None:
        async with world() as given:
            reply = await given.call(receipt(), path)
            assert (reply.status, reply.content_type) == (404, "application/problem+json")
            assert reply.body == {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "There is nothing here.",
            }
            assert given.appender.records == []

    asyncio.run(scenario())


def test_old_and_new_secrets_are_both_taken_during_a_rotation() -> None:
    new = f"/callbacks/instasent/acme/{callback_secret(SECRET, 'acme', 2)}"

    async def scenario() -> None:
        async with world() as given:
            statuses = [(await given.call(receipt(), new)).status]
            given.generations = [1, 2]
            statuses += [(await given.call(receipt())).status, (await given.call(receipt(), new)).status]
            given.generations = [2]
            statuses += [(await given.call(receipt())).status, (await given.call(receipt(), new)).status]
            assert statuses == [404, 200, 200, 404, 200]

    asyncio.run(scenario())


def test_other_methods_say_which_one_is_known() -> None:
    async def scenario() -> None:
        async with world() as given:
            reply = await given.get(f"/callbacks/instasent/acme/{GOOD}")
            assert (reply.status, reply.content_type) == (405, "application/problem+json")
            assert GOOD not in str(reply.body)

    asyncio.run(scenario())


def test_secrets_numbers_and_texts_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        async with world() as given:
            await given.call(receipt(message="Baja, soy Ana"))
            await given.call(b"\xff")
            await given.call(receipt(), "/callbacks/instasent/acme/almost-the-secret")
            given.appender.down = True
            await given.call(receipt())

    asyncio.run(scenario())
    for private in (GOOD, "almost-the-secret", "soy Ana", receipt()["clientId"]):
        assert private not in caplog.text


# Any body


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff", b"{", b"[]", b'"' * 1_000, b"[" * LARGEST_BODY, b"a" * LARGEST_BODY]
)
def test_an_unreadable_body_is_kept_and_answered_200(body: bytes) -> None:
    async def scenario() -> None:
        async with world() as given:
            assert (await given.call(body)).status == 200
            assert given.kept()[0].raw is not None
            assert given.ingress.counts.raw == 1

    asyncio.run(scenario())


def test_a_form_is_read() -> None:
    async def scenario() -> None:
        async with world() as given:
            form = aiohttp.FormData({"id": "x", "status": "delivered", "code": "0"})
            url = f"http://127.0.0.1:{given.port}/callbacks/instasent/acme/{GOOD}"
            async with given.session.post(url, data=form) as response:
                assert response.status == 200
            assert (given.kept()[0].status, given.kept()[0].code) == ("delivered", 0)

    asyncio.run(scenario())


@pytest.mark.parametrize("chunked", [None, True])
def test_a_body_over_64_kib_is_refused(chunked: bool | None) -> None:
    async def scenario() -> None:
        async with world() as given:
            reply = await given.call(b" " * (LARGEST_BODY + 1), chunked=chunked)
            assert (reply.status, reply.content_type) == (413, "application/problem+json")
            assert given.appender.records == []
            assert given.ingress.counts.too_large == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("body", [gzip.compress(b" " * 50_000_000), b"\xffnot gzip at all"])
def test_a_compressed_body_is_kept_as_it_came(body: bytes) -> None:
    async def scenario() -> None:
        async with world() as given:
            assert (await given.call(body, headers={"Content-Encoding": "gzip"})).status == 200
            assert given.kept()[0].raw == "base64:" + b64encode(body).decode()

    asyncio.run(scenario())


PATH = f"POST /callbacks/instasent/acme/{GOOD} HTTP/1.1\r\nHost: x\r\n".encode()
HOSTILE = {
    "chunks that are none": PATH + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a length that is none": PATH + b"Content-Length: many\r\n\r\n",
    "two lengths": PATH + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": PATH + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a header of a megabyte": PATH + b"X: " + b"x" * 1_048_576 + b"\r\n\r\n",
    "a path without end": PATH.replace(b" HTTP", b"x" * 10_000 + b" HTTP") + b"Content-Length: 0\r\n\r\n",
    "no version": PATH.replace(b"HTTP/1.1", b"HTTPS/9") + b"\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "a bad escape": b"POST /callbacks/instasent/%zz/%0d%0a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "an unknown coding": PATH + b"Content-Encoding: sourdough\r\nContent-Length: 2\r\n\r\n{}",
    "an expectation": PATH + b"Expect: miracles\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_http_is_never_a_fault_of_ours(name: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with world() as given:
            head = await given.raw(HOSTILE[name])
            assert head == b"" or head.split(b" ")[1][:1] in {b"2", b"4"}, head
            assert (await given.call(receipt())).status == 200, "and the next callback is taken"

    asyncio.run(scenario())
    assert GOOD not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


def test_a_body_that_breaks_off_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with world() as given:
            head = await given.raw(PATH + b'Content-Length: 100\r\n\r\n{"status"', close=True)
            assert not head.startswith(b"HTTP/1.1 2")
            assert given.appender.records == []
            assert (await given.call(receipt())).status == 200

    asyncio.run(scenario())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_body_that_does_not_come_is_not_waited_for_beyond_its_time() -> None:
    async def scenario() -> None:
        async with world(body_timeout=0.05) as given:
            head = await given.raw(PATH + b"Content-Length: 100\r\n\r\n{")
            assert head.startswith(b"HTTP/1.1 408")
            assert given.appender.records == []

    asyncio.run(scenario())


# Durable, or not


def test_the_answer_waits_for_the_acknowledgement() -> None:
    async def scenario() -> None:
        async with world() as given:
            given.appender.open.clear()
            answer = asyncio.ensure_future(given.call(receipt()))
            done, _ = await asyncio.wait([answer], timeout=0.1)
            assert not done
            given.appender.open.set()
            assert (await answer).status == 200
            assert len(given.appender.records) == 1

    asyncio.run(scenario())


def test_no_acknowledgement_in_time_is_503() -> None:
    async def scenario() -> None:
        async with world(ack_timeout=0.05) as given:
            given.appender.open.clear()
            reply = await given.call(receipt())
            assert (reply.status, reply.content_type) == (503, "application/problem+json")
            assert given.ingress.counts.not_durable == 1
            given.appender.open.set()
            assert (await given.call(receipt())).status == 200

    asyncio.run(scenario())


def test_a_broker_that_is_down_is_503() -> None:
    async def scenario() -> None:
        async with world() as given:
            given.appender.down = True
            assert (await given.call(receipt())).status == 503
            assert given.ingress.counts.durable == 0

    asyncio.run(scenario())


def test_health_is_alive_and_ready_only_if_the_broker_can_be_written_to() -> None:
    async def scenario() -> None:
        async with world() as given:
            assert (await given.get("/health/live")).status == (await given.get("/health/ready")).status == 200
            given.ready = False
            assert (await given.get("/health/live")).status == 200
            assert (await given.get("/health/ready")).status == 503

    asyncio.run(scenario())


# Twilio

FORM = {
    "MessageSid": "SM1",
    "SmsSid": "SM1",
    "MessageStatus": "undelivered",
    "ErrorCode": "30005",
    "To": "+34600000001",
}


def twilio(named: str | None = None) -> str:
    mine = client_id.make(KEY, 5, client_id.send_hash("acme/ana@example.com", "s-1"), 1)
    return f"/callbacks/twilio/acme/{GOOD}/{named or mine}"


def test_a_status_callback_of_twilio_lies_where_the_client_id_of_its_address_says() -> None:
    async def scenario() -> None:
        async with world() as given:
            reply = await given.call(urlencode(FORM).encode(), twilio())
            (kept,) = given.kept()
            assert (reply.status, given.appender.records[0].partition) == (200, 5)
            assert (kept.provider, kept.provider_id, kept.status, kept.code) == ("twilio", "SM1", "undelivered", 30005)
            assert kept.client_id == twilio().rpartition("/")[2]
            assert "+34600000001" not in given.appender.records[0].value.decode()

    asyncio.run(scenario())


def test_twilio_needs_the_account_s_secret_too_and_an_address_that_is_not_ours_is_kept_apart() -> None:
    async def scenario() -> None:
        async with world() as given:
            body = urlencode(FORM).encode()
            assert (await given.call(body, twilio().replace("cb_", "cb-"))).status == 404
            assert (await given.call(body, twilio().replace("/acme/", "/other/"))).status == 404
            assert given.kept() == []
            assert (await given.call(body, twilio("none-of-ours"))).status == 200
            assert given.appender.records[0].partition == partition_of(b"acme", PARTITIONS)
            assert given.ingress.counts.not_ours == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b"MessageStatus=", b"MessageSid=SM1"])
def test_a_status_callback_that_cannot_be_read_is_kept_as_it_came(body: bytes) -> None:
    async def scenario() -> None:
        async with world() as given:
            assert (await given.call(body, twilio())).status == 200
            (kept,) = given.kept()
            assert (kept.provider, kept.status, kept.client_id) == ("twilio", None, None)
            assert kept.raw is not None

    asyncio.run(scenario())


def test_the_same_status_callback_again_is_the_same_event() -> None:
    async def scenario() -> None:
        async with world() as given:
            for _ in range(2):
                await given.call(urlencode(FORM).encode(), twilio())
            one, other = (decode_input(Role.CALLBACKS, record.value) for record in given.appender.records)
            assert (one.source, one.id) == (other.source, other.id)
            assert one.source == "/twilio/acme"

    asyncio.run(scenario())

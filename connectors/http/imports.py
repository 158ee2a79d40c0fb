"""`POST /v1/accounts/{account}/imports?name=&key=`: contacts as CSV, of any size, in constant memory.

The body is kept in a temporary file first, since an event's id derives from the whole file; then its rows are written
chunk by chunk. The answer comes when all are durable: JSON with the counts, or with `Accept: text/csv` the refused rows
as a report. What broke off is sent again whole: the rows that are in Kafka change nothing.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, Final

from aiohttp import web

from connectors.files.contact_import import ContactImport, Report
from connectors.files.contacts import Refusal, Unreadable
from connectors.http import bodies
from connectors.http.bearer import presents_key, unauthorised
from connectors.http.problems import problem
from connectors.http.queries_parameters import Parameters, Refused
from connectors.kafka.appender import NotDurable
from connectors.kafka.outbox import Outbox
from events.topics import Role

PATH: Final = "/v1/accounts/{account}/imports"
LARGEST: Final = 4 * 1024**3  # bytes
AT_ONCE: Final = 2  # imports: each takes a thread and a part of the processor
PIECE_TIMEOUT: Final = 30.0  # seconds without a byte
TOLD: Final = 1_000  # refused rows told in JSON; a report has them all
_PIECE: Final = 65_536


@dataclass(slots=True)
class Imports:
    """The path and what it depends on. `country` gives an account's country; it raises KeyError where there is no such
    account. `secret` is RECADO_SECRET, `clock` gives ms since the epoch."""

    outbox: Outbox
    secret: bytes
    clock: Callable[[], int]
    country: Callable[[str], str | None]
    _running: int = field(default=0)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.receive)]

    async def receive(self, request: web.Request) -> web.StreamResponse:
        account = request.match_info["account"]
        if not presents_key(request, self.secret, account):
            return unauthorised()
        if self._running >= AT_ONCE:
            detail = f"{AT_ONCE} imports are under way. Send the file again when one has ended."
            return problem(503, "Service Unavailable", detail)
        self._running += 1
        try:
            return await self._import(request, account)
        except Refused as refused:
            detail = f"{refused.name}: {refused.rule}"
            return problem(400, "A parameter cannot be used", detail, field=refused.name, rule=refused.rule)
        except bodies.Refused as refused:
            return refused.response
        except Unreadable as unreadable:
            return problem(400, "No list of contacts", str(unreadable))
        except NotDurable:
            return bodies.not_durable()
        finally:
            self._running -= 1

    async def _import(self, request: web.Request, account: str) -> web.StreamResponse:
        parameters = Parameters(request.query, ["name", "key"])
        named = parameters.text("name", 255) or "import.csv"
        key = parameters.text("key", 128)
        try:
            country = self.country(account)
        except KeyError:
            detail = f"There is no account {account}: make it first with `recado account set`."
            return problem(404, "No such account", detail)
        with tempfile.TemporaryFile() as stream:
            await _keep(request, stream)
            done = await asyncio.to_thread(ContactImport, stream, account, country, named, key, self.clock())
            if "text/csv" in request.headers.get("Accept", ""):
                with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as text:
                    report = Report(text)
                    await self._write(done, report.add)
                    text.seek(0)
                    return await _answer(request, text)
            told: list[Refusal] = []
            await self._write(done, lambda refusals: told.extend(refusals[: TOLD - len(told)]))
        return web.json_response(summary(done, told))

    async def _write(self, done: ContactImport, refuse: Callable[[list[Refusal]], None]) -> None:
        chunks = done.chunks()
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            refuse(chunk.refusals)
            if chunk.events:
                await self.outbox.post([self.outbox.record(Role.CONTACTS, *event) for event in chunk.events])


def summary(done: ContactImport, told: list[Refusal]) -> dict[str, Any]:
    """An import for a program; values by their shape only."""
    return {
        "imported": done.imported,
        "refused": done.refused,
        "skipped_columns": list(done.columns.skipped),
        "columns_read_as": dict(done.columns.meant),
        "rows": [{"line": r.line, "column": r.column, "shape": r.value, "reason": r.reason} for r in told],
    }


async def _keep(request: web.Request, stream: IO[bytes]) -> None:
    """The body, into a file. Raises bodies.Refused: 408, 413, 415, 400 if it breaks off."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise bodies.Refused(
            problem(415, "Unsupported Media Type", "Send the file as it is, without Content-Encoding.")
        )
    size = 0
    pieces = aiter(request.content.iter_chunked(_PIECE))
    try:
        while True:
            async with asyncio.timeout(PIECE_TIMEOUT):
                piece = await anext(pieces, b"")
            if not piece:
                return
            size += len(piece)
            if size > LARGEST:
                raise bodies.Refused(problem(413, "Content Too Large", f"A file has at most {LARGEST:,} bytes."))
            stream.write(piece)
    except TimeoutError:
        raise bodies.Refused(problem(408, "Request Timeout", "The file stopped arriving: send it again.")) from None
    except web.RequestPayloadError:
        raise bodies.Refused(problem(400, "Bad Request", "The body is not what its headers say.")) from None


async def _answer(request: web.Request, text: IO[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/csv; charset=utf-8"})
    await response.prepare(request)
    while piece := text.read(_PIECE):
        await response.write(piece.encode())
    await response.write_eof()
    return response

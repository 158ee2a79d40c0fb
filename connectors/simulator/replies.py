"""How the simulator answers, rightly and wrongly."""

import asyncio
import math
from typing import Any, Final

import orjson
from aiohttp import web

from connectors.simulator.callbacks import Callback
from connectors.simulator.provider import Provider
from connectors.simulator.settings import Fault

_HUGE: Final = 10 * 1_048_576
HEADERS: Final = web.RequestKey("rate headers", dict[str, str])
REASONS: Final = {
    400: "Problems parsing JSON",
    401: "Bad credentials",
    402: "NoFundsError",
    404: "Not Found",
    413: "Payload Too Large",
    429: "",
}


class Answer(Exception):
    """The answer to give instead of the usual one."""

    def __init__(self, status: int, message: str, errors: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message} if errors is None else {"message": message, "errors": errors}


class Replies:
    """The answers of one provider; `closing` ends what stalls."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.closing = asyncio.Event()

    async def before(self, request: web.Request, fault: Fault, *, sending: bool = True) -> web.StreamResponse:
        """Commit a fault that comes before accepting. Raises Answer for one that is a plain refusal."""
        match fault.kind:
            case "drop_before" | "stall_before":
                self.provider.ledger.dropped += sending
                if fault.kind == "stall_before":
                    await self._pause(fault.seconds)
                return _cut_off(request)
            case "redirect":
                self.provider.ledger.refusals[307] += sending
                response = rendered(request, 307, b"")
                response.headers["Location"] = fault.location
                return response
            case "field_error":
                errors = {fault.field: [fault.message or "This value is not valid."]}
                raise Answer(self.provider.modes.field_error_status, "Validation Failed", errors)
            case _:
                if fault.status == 429:
                    reset = math.ceil(self.provider.clock() + fault.seconds)
                    request[HEADERS] |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
                raise Answer(fault.status, fault.message or REASONS.get(fault.status, "Server Error"))

    async def after(
        self,
        request: web.Request,
        fault: Fault | None,
        answer: dict[str, Any],
        early: list[Callback],
        status: int = 201,
    ) -> web.StreamResponse:
        """Give the answer of what was accepted, or spoil it as the fault says; `early` callbacks come first."""
        if early:
            await asyncio.gather(*map(self.provider.callbacks.deliver, early))
        if self.provider.config.latency:
            await self._pause(self.provider.config.latency)
        body = orjson.dumps(answer)
        match fault.kind if fault is not None else None:
            case None:
                return rendered(request, status, body)
            case "drop_after":
                return _cut_off(request)
            case "stall_after" if fault is not None:
                await self._pause(fault.seconds)
                return _cut_off(request)
            case "cut":
                return await _half(request, status, body)
            case "garbage":
                return rendered(request, status, b'{"entity":{"id":')
            case "no_id":
                return rendered(request, status, b'{"entity":{}}')
            case "huge_body":
                return rendered(request, status, body.rjust(_HUGE))
            case "huge_headers":
                response = rendered(request, status, body)
                response.headers["X-Huge"] = "x" * 1_048_576
                return response
            case "slow" if fault is not None:
                await self._pause(fault.seconds)
                return rendered(request, status, body)
            case _:
                failure = fault.status if fault is not None else 500
                return rendered(request, failure, orjson.dumps({"message": "Server Error"}))

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the simulator's own end."""
        if seconds < 1:
            await asyncio.sleep(seconds)  # the hot path: no timer of its own
            return
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return


def rendered(request: web.Request, status: int, body: bytes) -> web.Response:
    """A JSON response with the rate headers of its request."""
    response = web.Response(status=status, body=body, headers=request[HEADERS])
    response.content_type = "application/json"
    return response


def _cut_off(request: web.Request) -> web.StreamResponse:
    """End the connection with a reset, in place of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _half(request: web.Request, status: int, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=request[HEADERS])
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response

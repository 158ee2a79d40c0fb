"""The simulator's own paths, under `/_sim`: what tests and operators order, and the ledger they judge by.

| path | takes | does |
|---|---|---|
| GET /_sim/ledger | | gives the counts |
| GET /_sim/ledger?detail=1 | | also `entries` in order of acceptance, `client_ids` with counts, and `receipts` |
| GET /_sim/ledger?client_id=X | | also the `entries` of one clientId |
| GET, POST, DELETE /_sim/faults | a Fault, or a list of them | shows, adds, forgets all faults |
| GET, POST, DELETE /_sim/journeys | a Journey, or a list of them | shows, adds, forgets all status journeys |
| PATCH /_sim/modes | any fields of Modes | changes modes |
| POST /_sim/tokens | a Token, or a list of them | adds, changes or revokes; a field not given keeps its value |
| POST /_sim/inbound | an Inbound, or a list of them | posts a callback: a stop, a text, anything |

Errors are 422 with `{"message"}`, which names the field. There is no authentication: bind it where only tests reach it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from connectors.simulator.messages import rendered
from connectors.simulator.provider import Provider
from connectors.simulator.settings import Fault, Journey, Modes, Token


class Inbound(BaseModel):
    """A callback to order: of the last message to a number (`to`), of any ids, or, under `callback`, of any shape."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str
    to: str | None = None
    id: str | None = None
    client_id: str | None = None
    repeat_client_id: bool = True  # False: of the last message to `to`, but without its clientId
    status: str = "stop"
    code: int = 0
    message: str | None = None
    event_at: str | None = None  # default: now
    form_encoded: bool = False
    callback: dict[str, Any] | None = None


Model = TypeVar("Model", bound=BaseModel)
_Handler = Callable[[web.Request], Awaitable[web.Response]]


async def _body(request: web.Request, model: type[Model]) -> list[Model]:
    content = await request.read()
    adapter: TypeAdapter[list[Model]] = TypeAdapter(list[model])  # type: ignore[valid-type]
    try:
        return adapter.validate_json(content if content.lstrip()[:1] == b"[" else b"[" + content + b"]")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        raise _OrderError(f"{field}: {first['msg']}" if field else first["msg"]) from None


class _OrderError(Exception):
    """What was ordered cannot be read."""


def _guarded(handler: _Handler) -> _Handler:
    async def guarded(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except _OrderError as refused:
            return _json({"message": str(refused)}, 422)

    return guarded


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


class Control:
    """The control paths over one provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def routes(self) -> list[web.RouteDef]:
        paths: list[tuple[str, str, _Handler]] = [
            ("GET", "ledger", self._ledger),
            ("GET", "faults", self._faults),
            ("POST", "faults", self._order_faults),
            ("DELETE", "faults", self._clear_faults),
            ("GET", "journeys", self._journeys),
            ("POST", "journeys", self._order_journeys),
            ("DELETE", "journeys", self._clear_journeys),
            ("PATCH", "modes", self._modes),
            ("POST", "tokens", self._tokens),
            ("POST", "inbound", self._inbound),
        ]
        return [web.route(method, f"/_sim/{path}", _guarded(handler)) for method, path, handler in paths]

    async def _ledger(self, request: web.Request) -> web.Response:
        ledger = self.provider.ledger
        answer = ledger.summary()
        if request.query.get("detail") == "1":
            answer["client_ids"] = ledger.client_ids
            answer["entries"] = [entry.json() for entry in ledger.entries]
            answer["receipts"] = [receipt.json() for receipt in ledger.receipts]
        elif "client_id" in request.query:
            wanted = request.query["client_id"]
            answer["entries"] = [entry.json() for entry in ledger.entries if entry.client_id == wanted]
        return _json(answer)

    async def _faults(self, request: web.Request) -> web.Response:
        return _json([fault.model_dump(mode="json", exclude_defaults=True) for fault in self.provider.faults.active()])

    async def _order_faults(self, request: web.Request) -> web.Response:
        self.provider.faults.order(await _body(request, Fault))
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self.provider.faults.clear()
        return _json([])

    async def _journeys(self, request: web.Request) -> web.Response:
        active = self.provider.journeys.active()
        return _json([journey.model_dump(mode="json", exclude_defaults=True) for journey in active])

    async def _order_journeys(self, request: web.Request) -> web.Response:
        self.provider.journeys.order(await _body(request, Journey))
        return await self._journeys(request)

    async def _clear_journeys(self, request: web.Request) -> web.Response:
        self.provider.journeys.clear()
        return _json([])

    async def _modes(self, request: web.Request) -> web.Response:
        given = await _body(request, Modes)
        for modes in given:
            self.provider.modes = self.provider.modes.model_copy(update=modes.model_dump(exclude_unset=True))
        return _json(self.provider.modes.model_dump(mode="json"))

    async def _tokens(self, request: web.Request) -> web.Response:
        for token in await _body(request, Token):
            self.provider.set_token(token)
        return _json({"tokens": len(self.provider.projects)})

    async def _inbound(self, request: web.Request) -> web.Response:
        ordered = await _body(request, Inbound)
        for inbound in ordered:
            project = self.provider.projects.get(inbound.token)
            if project is None:
                raise _OrderError("token: unknown; POST it to /_sim/tokens first")
            if not self.provider.inbound(project, self._callback(inbound), form_encoded=inbound.form_encoded):
                raise _OrderError("token: it has no callback_url; POST one to /_sim/tokens first")
        return _json({"callbacks": len(ordered)})

    def _callback(self, inbound: Inbound) -> dict[str, Any]:
        if inbound.callback is not None:
            return inbound.callback
        message_id, client_id = inbound.id, inbound.client_id
        if inbound.to is not None:
            message = self.provider.projects[inbound.token].mailbox.last_to.get(inbound.to)
            if message is None:
                raise _OrderError("to: no message went to this number")
            message_id = message_id or message.id
            if inbound.repeat_client_id:
                client_id = client_id or message.client_id
        at = inbound.event_at or rendered(self.provider.now())
        fields: dict[str, Any] = {"id": message_id, "clientId": client_id, "status": inbound.status}
        fields |= {"code": inbound.code, "eventAt": at, "message": inbound.message}
        return {name: value for name, value in fields.items() if value is not None}

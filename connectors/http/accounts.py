"""An account's settings and templates over HTTP: contract, section 7. Secrets go in and never come out.

What is changed here is answered once it is durable in Kafka and this process has read it back, so that a GET behind it
shows it; where that takes too long, 202. Every other process reads it a moment later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ValidationError

from connectors import tokens
from connectors.http import bodies
from connectors.http.bearer import presents_key, unauthorised
from connectors.http.bodies import Refused, refuse
from connectors.http.problems import problem
from connectors.kafka.appender import NotDurable
from connectors.kafka.outbox import Outbox
from events.account import AccountConfigured, Connector, TemplateSaved
from events.codec import encode_input
from events.envelope import LIMIT, Input, Undecodable
from events.topics import Role
from projections.account import Account, Directory, SavedTemplate
from projections.preview import for_account
from projections.template import Broken

SOURCE: Final = "/recado/api"
READ_BACK: Final = 3.0  # seconds
ACCOUNT: Final = "/v1/accounts/{account}"
TEMPLATE: Final = "/v1/accounts/{account}/templates/{template}"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Accounts:
    """`directory` is what this process knows of all accounts; `caught_up` returns once it holds all that lies in Kafka
    now. `secret` is RECADO_SECRET, `clock` gives ms since the epoch, `new_id` an id for an event."""

    outbox: Outbox
    secret: bytes
    clock: Callable[[], int]
    new_id: Callable[[], str]
    directory: Directory
    caught_up: Callable[[], Awaitable[None]]
    read_back: float = READ_BACK

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(ACCOUNT, self._answering(self.show)),
            web.patch(ACCOUNT, self._answering(self.change)),
            web.get(TEMPLATE, self._answering(self.show_template)),
            web.put(TEMPLATE, self._answering(self.save_template)),
        ]

    async def show(self, request: web.Request) -> web.Response:
        account = self.directory.account(request.match_info["account"])
        if account is None:
            return problem(404, "No such account", "Nothing was configured for this account yet: PATCH makes it.")
        return web.json_response(settings(account))

    async def change(self, request: web.Request) -> web.Response:
        """A patch: an absent field stays, null goes back to the default. A plain token is sealed here."""
        name = request.match_info["account"]
        document = await bodies.read_object(request, LIMIT // 2)
        try:
            given = AccountConfigured.of_json(document)
            tokens.check_sealed(self.secret, name, given)
            data = tokens.sealed(self.secret, name, given)
        except ValidationError as error:
            raise bodies.explain(error) from None
        except tokens.Unusable as error:
            raise refuse(error.field, "", error.rule) from None
        if not await self._post(data, name):
            return web.json_response({"account": name}, status=202)
        return await self.show(request)

    async def show_template(self, request: web.Request) -> web.Response:
        name, template = request.match_info["account"], request.match_info["template"]
        saved = self.directory.template(name, template)
        if saved is None:
            return problem(404, "No such template", "The account has no template of this name yet: PUT makes it.")
        return web.json_response(shown(self.directory.account(name), name, saved))

    async def save_template(self, request: web.Request) -> web.Response:
        """The next version. A text that could not be used is refused, with the place of its fault."""
        name, template = request.match_info["account"], request.match_info["template"]
        document = await bodies.read_object(request, LIMIT // 2)
        if document.get("template", template) != template:
            raise refuse("template", document["template"], "must be the name in the path, or absent")
        try:
            data = TemplateSaved.of_json({**document, "template": template})
        except ValidationError as error:
            raise bodies.explain(error) from None
        account = self.directory.account(name) or Account(name)
        try:
            for_account(account, data.text, data.variables)
        except Broken as broken:
            raise refuse("text", data.text, str(broken)) from None
        if not await self._post(data, name):
            return web.json_response({"account": name, "template": template}, status=202)
        return await self.show_template(request)

    async def _post(self, data: AccountConfigured | TemplateSaved, name: str) -> bool:
        """Write the event; whether it was read back in time."""
        try:
            event = Input.of(data, id=self.new_id(), source=SOURCE, subject=name, time=self.clock())
        except Undecodable as error:
            raise refuse("account", name, error.detail.removeprefix("subject: ")) from None
        await self.outbox.post([self.outbox.record(Role.ACCOUNTS, name, encode_input(event))])
        try:
            async with asyncio.timeout(self.read_back):
                await self.caught_up()
        except TimeoutError:
            return False
        return True

    def _answering(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not presents_key(request, self.secret, request.match_info["account"]):
                return unauthorised()
            try:
                return await handler(request)
            except Refused as refused:
                return refused.response
            except NotDurable:
                return bodies.not_durable()

        return handle


def settings(account: Account) -> dict[str, Any]:
    """Every setting as it holds now, defaults filled in; of a connector whether it has a token, and no more."""
    told = {name: _json(getattr(account, name)) for name in AccountConfigured.model_fields}
    told |= account.customs._asdict() | {"currency": account.customs.currency or None}
    return {"account": account.name, **told, "templates": sorted(account.templates)}


def shown(account: Account | None, name: str, saved: SavedTemplate) -> dict[str, Any]:
    """A template: its text, its variables, what its SMS takes; `problem` says why it cannot be used, if it cannot."""
    account = account or Account(name)
    told: dict[str, Any] = {
        "account": name,
        "template": saved.name,
        "version": saved.version,
        "text": saved.text,
        "labels": list(saved.labels),
        "variables": [_json(variable) for variable in saved.variables],
        "problem": saved.problem or None,
    }
    try:
        seen = for_account(account, saved.text, saved.variables)
    except Broken as broken:
        return told | {"problem": str(broken)}
    return told | seen.as_json()


def _json(value: Any) -> Any:
    if isinstance(value, Connector):
        return {"provider": value.provider, "base_url": value.base_url, "token_set": value.sealed_token is not None}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {name: _json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    return value

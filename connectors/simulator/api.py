"""The simulator over HTTP: Instasent's paths under `/` and `/transactional/v1`, a trailing slash or none."""

import math
import random
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from connectors.simulator.faults import accepts
from connectors.simulator.messages import Message
from connectors.simulator.provider import FieldErrors, Project, Provider, Submission
from connectors.simulator.replies import HEADERS, REASONS, Answer, Replies, rendered
from connectors.simulator.settings import Endpoint

MOST_IN_A_BATCH: Final = 100
PREFIXES: Final = ("", "/transactional/v1")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """Instasent's endpoints over one provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.replies = Replies(provider)

    def routes(self) -> list[web.RouteDef]:
        paths: list[tuple[str, str, Endpoint, Callable[[web.Request, Project], Awaitable[web.StreamResponse]]]] = [
            ("POST", "/sms", "sms", self._single),
            ("POST", "/sms/bulk", "bulk", self._bulk),
            ("GET", "/sms", "list", self._list),
            ("GET", "/sms/{id}", "message", self._message),
            ("GET", "/organization/account", "account", self._account),
        ]
        routes = [
            web.route(method, prefix + path + slash, self._guarded(endpoint, handler))
            for method, path, endpoint, handler in paths
            for prefix in PREFIXES
            for slash in ("", "/")
        ]
        return [*routes, web.route("*", "/{path:(?!_sim).*}", self._guarded("account", self._nowhere))]

    def _guarded(
        self, endpoint: Endpoint, handler: Callable[[web.Request, Project], Awaitable[web.StreamResponse]]
    ) -> Handler:
        """Token, rate and errors around a handler, the same for every path; the rate headers are on every answer."""
        provider = self.provider
        limit = str(provider.config.rate_limit)

        async def guarded(request: web.Request) -> web.StreamResponse:
            headers = {"X-RateLimit-Limit": limit}
            request[HEADERS] = headers
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            project = provider.project(token.strip()) if scheme.lower() == "bearer" else None
            if project is None:
                headers["X-RateLimit-Remaining"] = limit
                headers["X-RateLimit-Reset"] = str(math.ceil(provider.clock() + provider.config.rate_window))
                return self._refuse(request, Answer(401, REASONS[401]))
            remaining, reset, passes = provider.rate(project, endpoint)
            headers["X-RateLimit-Remaining"] = str(remaining)
            headers["X-RateLimit-Reset"] = str(math.ceil(reset))
            if not passes:
                return self._refuse(request, Answer(429, ""))
            try:
                return await handler(request, project)
            except Answer as answer:
                return self._refuse(request, answer)

        return guarded

    def _refuse(self, request: web.Request, answer: Answer) -> web.Response:
        if request.method == "POST":  # a refusal is of something to send
            self.provider.ledger.refusals[answer.status] += 1
        body = b"" if answer.status == 429 else orjson.dumps(answer.body)
        return rendered(request, answer.status, body)

    async def _json_body(self, request: web.Request) -> Any:
        if request.content_length is not None and request.content_length > self.provider.config.max_body:
            raise Answer(413, REASONS[413])
        try:
            return orjson.loads(await request.read())
        except web.HTTPRequestEntityTooLarge:
            raise Answer(413, REASONS[413]) from None
        except (ValueError, web.HTTPException):
            raise Answer(400, "Problems parsing JSON") from None

    async def _nowhere(self, request: web.Request, project: Project) -> web.StreamResponse:
        raise Answer(404, REASONS[404])

    async def _single(self, request: web.Request, project: Project) -> web.StreamResponse:
        item = await self._json_body(request)
        if not isinstance(item, dict):
            raise Answer(400, "Body should be a JSON object")
        status = self.provider.modes.field_error_status
        try:
            submission = self.provider.read(item)
        except FieldErrors as refused:
            raise Answer(status, "Validation Failed", refused.errors) from None
        fault = self.provider.faults.answer("sms", (submission.to,), submission.key)
        if fault is not None and not accepts(fault):
            return await self.replies.before(request, fault)
        if self.provider.cost(submission) > project.available:
            raise Answer(402, REASONS[402])
        message, early = self.provider.accept(project, submission)
        body = _accepted(message)
        wrapped = {"entity": body} if self.provider.modes.id_wrapper == "entity" else body
        return await self.replies.after(request, fault, wrapped, [early] if early else [])

    async def _bulk(self, request: web.Request, project: Project) -> web.StreamResponse:
        items = await self._json_body(request)
        if not isinstance(items, list):
            raise Answer(400, "Body should be a JSON array")
        if not 1 <= len(items) <= MOST_IN_A_BATCH:
            raise Answer(400, f"Between 1 and {MOST_IN_A_BATCH} messages are taken at once")
        submissions, errors = self._read_all(items)
        provider = self.provider
        destinations = [submission.to for submission in submissions]
        fault = provider.faults.answer("bulk", destinations, submissions[0].key if submissions else "")
        if fault is not None and not accepts(fault):
            return await self.replies.before(request, fault)
        short = sum(map(provider.cost, submissions)) > project.available
        if short and provider.modes.bulk_no_funds == "whole":
            raise Answer(402, REASONS[402])
        entities, early = [], []
        for submission in submissions:
            if provider.cost(submission) > project.available:
                break
            message, callback = provider.accept(project, submission)
            entity = _accepted(message)
            if not provider.modes.bulk_client_ids:
                del entity["clientId"]
            entities.append(entity)
            if callback is not None:
                early.append(callback)
        if short:
            raise Answer(402, REASONS[402])
        if errors:
            provider.ledger.refusals[201] += len(errors)
        if provider.modes.bulk_shuffled:
            random.Random(f"{provider.config.seed}|{entities}").shuffle(entities)  # noqa: S311 -- chance, not a secret
        return await self.replies.after(request, fault, {"entities": entities, "errors": errors}, early)

    def _read_all(self, items: list[Any]) -> tuple[list[Submission], list[dict[str, Any]]]:
        submissions: list[Submission] = []
        errors: list[dict[str, Any]] = []
        taken: set[str] = set()
        for item in items:
            try:
                if not isinstance(item, dict):
                    raise FieldErrors({"": ["This value should be a JSON object."]})
                submission = self.provider.read(item)
                fault = self.provider.faults.field_error(submission.to, submission.key)
                if fault is not None:
                    raise FieldErrors(
                        {fault.field: [fault.message or "This value is not valid."]}, submission.client_id
                    )
                if submission.client_id is not None:
                    if submission.client_id in taken and self.provider.modes.repeated_client_id == "refused":
                        raise FieldErrors({"clientId": ["This value is already used."]}, submission.client_id)
                    taken.add(submission.client_id)
                submissions.append(submission)
            except FieldErrors as refused:
                named = self.provider.modes.bulk_errors_named and refused.client_id is not None
                errors.append(({"clientId": refused.client_id} if named else {}) | {"errors": refused.errors})
        return submissions, errors

    async def _list(self, request: web.Request, project: Project) -> web.StreamResponse:
        until = self.provider.now() - int(self.provider.modes.list_lag * 1_000)
        size = min(_positive(request.query.get("per_page"), 10), self.provider.modes.list_page)
        page = project.mailbox.page(_positive(request.query.get("page"), 1), size, until)
        return await self._shown(request, "list", {"entities": [self._entity(message) for message in page]})

    async def _message(self, request: web.Request, project: Project) -> web.StreamResponse:
        message = project.mailbox.by_id.get(request.match_info["id"])
        if message is None:
            raise Answer(404, REASONS[404])
        return await self._shown(request, "message", {"entity": self._entity(message)})

    def _entity(self, message: Message) -> dict[str, Any]:
        entity = message.json()
        if not self.provider.modes.list_client_ids:
            del entity["clientId"]
        return entity

    async def _account(self, request: web.Request, project: Project) -> web.StreamResponse:
        return await self._shown(request, "account", {"entity": {"available": max(0.0, project.available)}})

    async def _shown(self, request: web.Request, endpoint: Endpoint, answer: dict[str, Any]) -> web.StreamResponse:
        """Answer a reading path, whose faults are those ordered for it by name."""
        fault = self.provider.faults.answer(endpoint, (), endpoint)
        if fault is not None and not accepts(fault):
            return await self.replies.before(request, fault, sending=False)
        return await self.replies.after(request, fault, answer, [], status=200)


def _accepted(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "clientId": message.client_id,
        "status": message.status,
        "messagesCount": message.parts,
    }


def _positive(text: str | None, default: int) -> int:
    """A query parameter as a number of 1 or more; anything else, such as what an official SDK sends, is the default."""
    if text is None or not re.fullmatch("[1-9][0-9]{0,8}", text):
        return default
    return int(text)

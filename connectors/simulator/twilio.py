"""Twilio's Messages API over the same simulated provider: its paths, forms, Basic auth, errors, list and callbacks.

A token is "account SID:auth token". Faults, journeys, modes and ledger are those of the other API; as Twilio has no
client id, the ledger takes the last part of the address that the message's callbacks go to.
"""

import math
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from aiohttp import web

from connectors.simulator.faults import accepts
from connectors.simulator.messages import Message
from connectors.simulator.provider import FieldErrors, Project, Provider
from connectors.simulator.replies import HEADERS, REASONS, Answer, Replies, rendered
from connectors.simulator.settings import Endpoint

ROOT: Final = "/2010-04-01/Accounts/{account}/Messages"
_CODES: Final = {400: 21601, 401: 20003, 402: 20005, 404: 20404, 413: 21617, 429: 20429}
_FIELDS: Final = {"to": 21211, "from": 21212, "text": 21602, "clientId": 21609}
_LARGEST_PAGE: Final = 1_000

Handler = Callable[[web.Request, Project], Awaitable[web.StreamResponse]]


class TwilioApi:
    """Twilio's endpoints over one provider."""

    def __init__(self, provider: Provider, replies: Replies) -> None:
        self.provider = provider
        self.replies = replies

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{ROOT}.json", self._guarded("sms", self._create)),
            web.get(f"{ROOT}.json", self._guarded("list", self._list)),
            web.get(f"{ROOT}/{{sid}}.json", self._guarded("message", self._message)),
        ]

    def _guarded(self, endpoint: Endpoint, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        provider = self.provider

        async def guarded(request: web.Request) -> web.StreamResponse:
            request[HEADERS] = {}
            project = self._project(request)
            if project is None:
                return self._refuse(request, Answer(401, "Authenticate"))
            _, reset, passes = provider.rate(project, endpoint)
            if not passes:
                request[HEADERS] = {"Retry-After": str(max(1, math.ceil(reset - provider.clock())))}
                return self._refuse(request, Answer(429, "Too Many Requests"))
            try:
                return await handler(request, project)
            except Answer as answer:
                return self._refuse(request, answer)

        return guarded

    def _project(self, request: web.Request) -> Project | None:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        try:
            token = b64decode(credentials, validate=True).decode()
        except ValueError:
            return None
        of = request.match_info["account"]
        return self.provider.project(token) if scheme == "Basic" and token.startswith(f"{of}:") else None

    def _refuse(self, request: web.Request, answer: Answer) -> web.Response:
        if request.method == "POST":
            self.provider.ledger.refusals[answer.status] += 1
        errors = answer.body.get("errors")
        field = next(iter(errors)) if isinstance(errors, dict) and errors else ""
        code = _FIELDS.get(field, _CODES.get(answer.status, 20500))
        said = f"{field}: {errors[field][0]}" if field and errors else answer.body["message"]
        status = 400 if field else answer.status
        return rendered(request, status, orjson.dumps({"code": code, "message": said, "status": status}))

    async def _create(self, request: web.Request, project: Project) -> web.StreamResponse:
        if request.content_type != "application/x-www-form-urlencoded":
            raise Answer(400, REASONS[400])
        form = {name: values[-1] for name, values in parse_qs((await request.read()).decode()).items()}
        address = form.get("StatusCallback", "")
        try:
            submission = self.provider.read(
                {
                    "clientId": address.rpartition("/")[2] or None,
                    "from": form.get("From"),
                    "to": form.get("To"),
                    "text": form.get("Body"),
                    "allowUnicode": True,
                }
            )
        except FieldErrors as refused:
            raise Answer(400, "Validation Failed", refused.errors) from None
        fault = self.provider.faults.answer("sms", (submission.to,), submission.key)
        if fault is not None and not accepts(fault):
            return await self.replies.before(request, fault)
        if self.provider.cost(submission) > project.available:
            raise Answer(402, "Account not active")
        message, early = self.provider.accept(project, submission, status_callback=address)
        return await self.replies.after(request, fault, _resource(message, request), [early] if early else [])

    async def _list(self, request: web.Request, project: Project) -> web.StreamResponse:
        size = min(_number(request.query.get("PageSize"), 50), self.provider.modes.list_page, _LARGEST_PAGE)
        number = _number(request.query.get("Page"), 0)
        until = self.provider.now() - int(self.provider.modes.list_lag * 1_000)
        since = request.query.get("DateSent>", "")
        page = project.mailbox.page(number + 1, size, until)
        messages = [_resource(message, request) for message in page if _day(message.created_at) >= since]
        following = None
        if project.mailbox.page(number + 2, size, until):
            following = f"{request.path}?PageSize={size}&Page={number + 1}&PageToken=PA{number + 1}"
        answer = {"messages": messages, "page": number, "page_size": size, "next_page_uri": following}
        return await self._shown(request, "list", answer)

    async def _message(self, request: web.Request, project: Project) -> web.StreamResponse:
        message = project.mailbox.by_id.get(request.match_info["sid"])
        if message is None:
            raise Answer(404, REASONS[404])
        return await self._shown(request, "message", _resource(message, request))

    async def _shown(self, request: web.Request, endpoint: Endpoint, answer: dict[str, Any]) -> web.StreamResponse:
        fault = self.provider.faults.answer(endpoint, (), endpoint)
        if fault is not None and not accepts(fault):
            return await self.replies.before(request, fault, sending=False)
        return await self.replies.after(request, fault, answer, [], status=200)


def _resource(message: Message, request: web.Request) -> dict[str, Any]:
    """A message as Twilio shows it: times as RFC 2822, nothing of where its callbacks go."""
    return {
        "sid": message.id,
        "account_sid": request.match_info["account"],
        "direction": "outbound-api",
        "from": message.sender,
        "to": message.to,
        "body": message.text,
        "status": "queued" if message.status == "enqueued" else message.status,
        "error_code": message.code or None,
        "error_message": None,
        "num_segments": str(message.parts),
        "date_created": format_datetime(datetime.fromtimestamp(message.created_at // 1000, UTC)),
    }


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and re.fullmatch("[0-9]{1,9}", text) else default


def _day(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%d")

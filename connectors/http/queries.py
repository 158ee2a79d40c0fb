"""What an account may ask over HTTP, answered from the read model. Contract, section 7.

The read model follows the journal by some milliseconds to seconds: what was accepted a moment ago may not show yet.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn, TypeVar

import orjson
from aiohttp import web
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from connectors.credentials import wrapping_key
from connectors.http.bearer import presents_key, unauthorised
from connectors.http.problems import problem
from connectors.http.queries_parameters import Parameters, Refused
from connectors.readmodel import answers, export, queries, statistics
from connectors.readmodel.keys import Unsealer
from events.contact import Subscription
from events.envelope import Undecodable, split_subject
from events.shape import Class
from projections.keyring import Keyring

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.Response]]
DefaultSubscription = Callable[[str, int | None], Subscription]

_CLASSES: Final[tuple[Class, ...]] = ("transactional", "newsletter")
_STATES: Final[tuple[queries.Received, ...]] = ("delivered", "accepted")
_LABELS: Final = 20
_MOST: Final = 1_000_000


class _Stopped(Exception):
    """The request ends here with this answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


def build_queries(engine: Engine, secret: bytes, default_subscription: DefaultSubscription) -> list[web.RouteDef]:
    """The routes, to be added to an application. `secret` is RECADO_SECRET, from which the accounts' API keys derive;
    `default_subscription` names what an account's settings say, or said at a time (ms), of a contact of whom nothing is
    known."""
    asked = _Queries(engine, secret, default_subscription)
    contact = "/v1/accounts/{account}/contacts/{contact}"
    return [
        web.get(contact, asked.answering(asked.contact)),
        web.get(f"{contact}/export", asked.answering(asked.export)),
        web.get(f"{contact}/messages", asked.answering(asked.messages)),
        web.get(f"{contact}/has-received-sms", asked.answering(asked.has_received_sms)),
        web.get("/v1/accounts/{account}/sends/{send_id}", asked.answering(asked.send)),
        web.get("/v1/accounts/{account}/statistics", asked.answering(asked.statistics)),
    ]


class _Queries:
    def __init__(self, engine: Engine, secret: bytes, default_subscription: DefaultSubscription) -> None:
        self._engine = engine
        self._secret = secret
        self._default_subscription = default_subscription
        keys = Keyring(wrapping_key(secret))
        self._unsealer = Unsealer(engine, lambda: keys)

    def answering(self, query: Callable[[web.Request], Awaitable[Any]]) -> Handler:
        """The handler of a query: who asks is checked first, and what can go wrong is mapped to an answer here."""

        async def handle(request: web.Request) -> web.Response:
            try:
                self._authorise(request)
                body = await query(request)
            except _Stopped as stopped:
                return stopped.response
            except Refused as refused:
                return _refuse(refused.name, refused.value, refused.rule)
            except DBAPIError:
                return problem(503, "The read model does not answer", "Ask again in a moment; nothing was lost.")
            return web.json_response(body, dumps=_dumps)

        return handle

    async def contact(self, request: web.Request) -> Any:
        parameters = Parameters(request.query, ["at"])
        subject = _subject(request)
        at = parameters.time("at")
        answer = await self._ask(queries.contact, subject, at)
        if answer is None:
            _not_found("No such contact", "Nothing is known of this contact, or was at that time.")
        return answers.contact(answer, self._default_subscription(request.match_info["account"], at))

    async def export(self, request: web.Request) -> Any:
        """All that is known of the contact: a data subject's request."""
        Parameters(request.query, [])
        found = await self._ask(export.export, _subject(request))
        if found is None:
            _not_found("No such contact", "Nothing is known of this contact.")
        return export.as_json(found, self._default_subscription(request.match_info["account"], None))

    async def messages(self, request: web.Request) -> Any:
        parameters = Parameters(request.query, ["limit", "before"])
        subject = _subject(request)
        limit = parameters.number("limit", 1, 1000) or 100
        rows = await self._ask(queries.messages, subject, limit, parameters.number("before", 1, 2**62))
        return {
            "messages": [answers.message(row) for row in rows],
            "next": rows[-1]["first_sequence"] if len(rows) == limit else None,
        }

    async def has_received_sms(self, request: web.Request) -> Any:
        names = ("class", "template", "label", "since", "until", "at_least", "state")
        parameters = Parameters(request.query, names)
        subject = _subject(request)
        asked = queries.Filter(
            class_=parameters.word("class", _CLASSES),
            template=parameters.text("template", 128),
            labels=parameters.texts("label", 64, _LABELS),
            since=parameters.time("since"),
            until=parameters.time("until"),
            at_least=parameters.number("at_least", 1, _MOST) or 1,
            state="accepted" if parameters.word("state", _STATES) == "accepted" else "delivered",
        )
        if asked.since is not None and asked.until is not None and asked.since >= asked.until:
            raise Refused("until", request.query["until"], "must be later than since")
        return answers.received(await self._ask(queries.has_received_sms, subject, asked))

    async def send(self, request: web.Request) -> Any:
        parameters = Parameters(request.query, ["contact"])
        account, send_id = request.match_info["account"], request.match_info["send_id"]
        if not (0 < len(send_id) <= 64 and send_id.isprintable()):
            raise Refused("send_id", send_id, "must be 1 to 64 printable characters")
        contact = parameters.text("contact", 128)
        records = await self._ask(queries.sends, send_id, account, contact)
        if not records:
            _not_found("No such send", "The account has no send with this id that was decided yet.")
        if len(records) > 1:
            detail = "Several contacts have a send with this id: name one with ?contact=."
            raise _Stopped(problem(409, "Which contact's send?", detail))
        return answers.send(records[0])

    async def statistics(self, request: web.Request) -> Any:
        parameters = Parameters(request.query, ["since", "until", "group_by"])
        since, until = parameters.time("since"), parameters.time("until")
        if since is not None and until is not None and since >= until:
            raise Refused("until", request.query["until"], "must be later than since")
        groups = parameters.several("group_by", statistics.GROUPS)
        asked = statistics.Asked(request.match_info["account"], since, until, groups)
        return answers.statistics(asked, await self._ask(statistics.statistics, asked))

    def _authorise(self, request: web.Request) -> None:
        if not presents_key(request, self._secret, request.match_info["account"]):
            raise _Stopped(unauthorised())

    async def _ask(self, query: Callable[..., T], *arguments: Any) -> T:
        """SQL blocks, so it runs in a thread. Who has the account's API key may read what is sealed for others."""

        def ask() -> T:
            return self._unsealer.opened(query(self._engine, *arguments))

        return await asyncio.get_running_loop().run_in_executor(None, ask)


def _subject(request: web.Request) -> str:
    account, contact = request.match_info["account"], request.match_info["contact"]
    subject = f"{account}/{contact}"
    try:
        split_subject(subject)
    except Undecodable:
        raise Refused("contact", contact, "must be 1 to 128 printable characters without /") from None
    return subject


def _refuse(name: str, value: str, rule: str) -> web.Response:
    return problem(400, "A parameter cannot be used", f"{name}: {rule}", field=name, value=value, rule=rule)


def _not_found(title: str, detail: str) -> NoReturn:
    raise _Stopped(problem(404, title, detail))


def _dumps(body: Any) -> str:
    return orjson.dumps(body).decode()

"""`POST /v1/events`: CloudEvents over HTTP, structured mode: one (`application/cloudevents+json`, or any other JSON
object), or a batch (`application/cloudevents-batch+json`, or any JSON list). All of a batch is written, or nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from aiohttp import web

from connectors.admission import Standards, admit
from connectors.http import bodies
from connectors.http.bearer import KnownKeys, presented, presents_key, unauthorised
from connectors.http.bodies import Refused
from connectors.http.problems import problem
from connectors.kafka.appender import Appended, NotDurable
from connectors.kafka.outbox import Outbox
from connectors.tokens import sealed
from events.envelope import Undecodable, split_subject
from projections.account import Directory

PATH: Final = "/v1/events"
LARGEST_BODY: Final = 4 * 1024 * 1024  # bytes
MOST_EVENTS: Final = 10_000  # in a batch
TOGETHER: Final = 50  # judged before others have their turn
MOST_ERRORS: Final = 100  # told of one batch; the others are counted


@dataclass(frozen=True, slots=True)
class CloudEvents:
    """The path and what it depends on; `secret` is RECADO_SECRET, from which API keys derive, `keys` are all, and
    `directory` is what this process knows of the accounts."""

    outbox: Outbox
    secret: bytes
    keys: KnownKeys
    directory: Directory

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """202 with the ids once all are durable; 400 with an error for each wrong one, and then nothing was written."""
        if presented(request)[0] != "bearer":
            return unauthorised()
        try:
            body = await bodies.read(request, LARGEST_BODY)
            return await self._take(request, documents(body))
        except Refused as refused:
            return refused.response
        except NotDurable:
            return bodies.not_durable()

    async def _take(self, request: web.Request, items: Sequence[object]) -> web.Response:
        # No path names the account: the subjects do, and the key has to be that of all of them.
        allowed = {account: presents_key(request, self.secret, account) for account in {_account(i) for i in items}}
        # Who has a key, and wrote an event that names no account, is told what is wrong with it.
        if not any(allowed.values()) and not ("" in allowed and self.keys.presented(request)):
            return unauthorised()
        records: list[Appended] = []
        ids: list[str] = []
        errors: list[dict[str, Any]] = []
        standards = Standards(lambda: self.directory)
        for index, item in enumerate(items):
            if index % TOGETHER == 0:
                await asyncio.sleep(0)  # callbacks and others' events need not wait for a large batch
            try:
                account = _account(item)
                if not account:
                    admit(orjson.dumps(item))  # which says what it has to be
                if not allowed[account]:
                    raise Undecodable("subject", "subject: names no account, or another than that of the API key")
                value = orjson.dumps(item)
                role, event, value = admit(value, None, partial(sealed, self.secret), standards)
            except Undecodable as error:
                errors.append({"index": index, "reason": error.reason, "detail": error.detail})
                continue
            records.append(self.outbox.record(role, event.subject, value))
            ids.append(event.id)
        if errors:
            detail = f"{len(errors):,} of {len(items):,} events are wrong; nothing was written: mend them and send all."
            return problem(400, "Events cannot be used", detail, errors=errors[:MOST_ERRORS], wrong=len(errors))
        await self.outbox.post(records)
        return web.json_response({"accepted": len(ids), "ids": ids}, status=202)


def documents(body: bytes) -> list[Any]:
    """The events of a body, not yet judged. Raises Refused."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(problem(400, "Not JSON", f"The body is not JSON in UTF-8: {error}.")) from None
    items: list[Any] = document if type(document) is list else [document]
    if not 0 < len(items) <= MOST_EVENTS:
        detail = f"A batch has 1 to {MOST_EVENTS:,} events, and this one {len(items):,}."
        raise Refused(problem(400, "Not a batch", detail))
    return items


def _account(item: object) -> str:
    """The account that an event's subject names; "" where it names none, for which there is no key."""
    subject = item.get("subject") if type(item) is dict else None
    try:
        return split_subject(subject)[0] if type(subject) is str else ""
    except Undecodable:
        return ""

"""What an account may tell Recado over HTTP: an edit of a contact, a send, CloudEvents. Contract, section 7.

Each is answered 202 once it is durable in Kafka, in its contact's partition; what follows from it, the engine decides
and the journal tells. So a number that is none is a fact, `recado.phone.refused.v1`, and not an error of the edit: only
the engine knows which country the account had when the edit's turn came. What breaks a rule of the event itself is
answered 400 before anything is written.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import ValidationError

from connectors.http import bodies
from connectors.http.bearer import presents_key, unauthorised
from connectors.http.bodies import Refused, refuse
from connectors.kafka.appender import NotDurable
from connectors.kafka.outbox import Outbox
from events.codec import encode_input
from events.contact import ContactUpdated
from events.envelope import LIMIT, Input, InputData, Undecodable
from events.send import SEND_ID_CHARACTERS, SendRequested
from events.topics import SENDS_OF, Role

SOURCE: Final = "/recado/api"
_KEY_CHARACTERS: Final = 255

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Commands:
    """The edit of a contact and the request of a send.

    `secret` is RECADO_SECRET; `clock` gives ms since the epoch; `new_id` an id for an event that nobody named.
    """

    outbox: Outbox
    secret: bytes
    clock: Callable[[], int]
    new_id: Callable[[], str]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.patch("/v1/accounts/{account}/contacts/{contact}", self._answering(self.edit)),
            web.post("/v1/accounts/{account}/sends", self._answering(self.send)),
        ]

    async def edit(self, request: web.Request) -> web.Response:
        """Two forms: `{"fields": {...}, "evidence": "..."}`, or the fields alone. They cannot be confused, since no
        field's value is an object."""
        document = await bodies.read_object(request, LIMIT // 2)
        subject = f"{request.match_info['account']}/{request.match_info['contact']}"
        data = patch(document)
        id_ = self._id(request, "edit", subject)
        await self._post(Role.CONTACTS, self._event(data, id_, subject, "contact"))
        return web.json_response({"id": id_}, status=202)

    async def send(self, request: web.Request) -> web.Response:
        """`{"contact", "class", ...}` and what the data of a send request may hold; the answer names its `send_id`."""
        document = await bodies.read_object(request, LIMIT // 2)
        contact, class_ = document.pop("contact", None), document.pop("class", None)
        if type(contact) is not str:
            raise refuse("contact", contact, "must be a text: the contact of the account that the SMS is for")
        if class_ not in ("transactional", "newsletter"):
            raise refuse("class", class_, "must be transactional or newsletter")
        subject = f"{request.match_info['account']}/{contact}"
        try:
            data = SendRequested.of_json({"to": "contact"} | document)
        except ValidationError as error:
            raise bodies.explain(error) from None
        id_ = self._id(request, "send", subject)
        if data.send_id is None:
            data = data.model_copy(update={"send_id": id_[:SEND_ID_CHARACTERS]})
        if "Idempotency-Key" in request.headers:
            id_ = _of_words(id_, data, class_)
        await self._post(SENDS_OF[class_], self._event(data, id_, subject, "contact", {"class": class_}))
        return web.json_response({"send_id": data.send_id}, status=202)

    def _event(
        self, data: InputData, id_: str, subject: str, field: str, extensions: Mapping[str, object] | None = None
    ) -> Input:
        try:
            event = Input.of(
                data, id=id_, source=SOURCE, subject=subject, time=self.clock(), extensions=extensions or {}
            )
        except Undecodable as error:
            raise refuse(field, subject.partition("/")[2], error.detail.removeprefix("subject: ")) from None
        if not event.contact:
            raise refuse(field, "", "must not be empty")
        return event

    async def _post(self, role: Role, event: Input) -> None:
        value = encode_input(event)
        if len(value) > LIMIT:
            raise refuse("", None, f"makes an event of more than {LIMIT:,} bytes")
        await self.outbox.post([self.outbox.record(role, event.subject, value)])

    def _id(self, request: web.Request, what: str, subject: str) -> str:
        """The event's id: that of the Idempotency-Key where there is one. The same key for the same contact again is
        the same edit, whatever its body says now, and changes nothing for 35 days at least."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return self.new_id()
        if not (0 < len(key) <= _KEY_CHARACTERS and key.isprintable()):
            raise refuse("Idempotency-Key", key, f"must be 1 to {_KEY_CHARACTERS} printable characters")
        parts = f"{what}\x1f{subject}\x1f{key}".encode("utf-8", "surrogatepass")
        return blake2b(parts, digest_size=16).hexdigest()

    def _answering(self, command: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not presents_key(request, self.secret, request.match_info["account"]):
                return unauthorised()
            try:
                return await command(request)
            except Refused as refused:
                return refused.response
            except NotDurable:
                return bodies.not_durable()

        return handle


def _of_words(id_: str, data: SendRequested, class_: str) -> str:
    """The same key with other words asks for the same send in another event: it is skipped as a duplicate, where `why`
    shows it, instead of vanishing behind a 202."""
    words = orjson.dumps(data.model_dump(mode="json", exclude_defaults=True), option=orjson.OPT_SORT_KEYS)
    return blake2b(b"\x1f".join((id_.encode(), class_.encode(), words)), digest_size=16).hexdigest()


def patch(document: dict[str, Any]) -> ContactUpdated:
    """An edit's body as the data of its event. Raises Refused, naming the one field that is wrong."""
    data = document if type(document.get("fields")) is dict else {"fields": document}
    fields = data["fields"]
    if data.get("via", "edit") != "edit":
        raise refuse("via", data["via"], "must be edit, or absent")
    try:
        return ContactUpdated.of_json({"via": "edit", **data})
    except ValidationError as error:
        for field, value in fields.items():  # the data's own error is one about all the fields together
            try:
                ContactUpdated.of_json({"via": "edit", "fields": {field: value}})
            except ValidationError as single:
                rule = single.errors()[0]["msg"].removeprefix(f"{field} ").removeprefix(f"{field!r} ")
                raise refuse(field[:64], value, rule) from None
        raise bodies.explain(error) from None

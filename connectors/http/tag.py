"""The contact information tag: what a visitor of an account's web page says about themselves. docs/adr/020.

A page includes `/tag/{tag_key}.js`, which sends the visitor's fields to `/tag/{tag_key}/contacts`. The key is public,
so what it opens is narrow: updates via `tag` from pages of the origins in the key, at a bounded rate, and nothing that
a stranger could use to loosen a consent or to lift a pause. An answer tells nothing of the contact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

from connectors.credentials import read_tag_key
from connectors.http import bodies
from connectors.http.bodies import Refused, refuse
from connectors.http.problems import problem
from connectors.http.rate import Rate
from connectors.kafka.appender import NotDurable
from connectors.kafka.outbox import Outbox
from events.codec import encode_input
from events.contact import PHONE, PHONE_STATUS, SUBSCRIPTION, ContactUpdated
from events.envelope import Input, Undecodable
from events.topics import Role

SCRIPT: Final = Path(__file__).with_name("tag.js")
SOURCE: Final = "/recado/tag"
LARGEST_BODY: Final = 16 * 1024  # bytes
FIELDS: Final = 32
_EVIDENCE_CHARACTERS: Final = 700  # the visitor's words; the page's address comes in front


def _per_address() -> Rate:
    return Rate(burst=20, every=3_000)


def _per_key() -> Rate:
    return Rate(burst=500, every=10)


@dataclass(slots=True)
class Tag:
    """The script and its path. `secret` is RECADO_SECRET; `clock` gives ms since the epoch; `proxies` is how many
    proxies of our own stand in front, whose entries of X-Forwarded-For are believed."""

    outbox: Outbox
    secret: bytes
    clock: Callable[[], int]
    proxies: int = 0
    per_address: Rate = field(default_factory=_per_address)
    per_key: Rate = field(default_factory=_per_key)
    _script: bytes = field(default_factory=SCRIPT.read_bytes)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/tag/{tag_key}.js", self.script),
            web.options("/tag/{tag_key}/contacts", self.preflight),
            web.post("/tag/{tag_key}/contacts", self.receive),
        ]

    async def script(self, request: web.Request) -> web.Response:
        if read_tag_key(self.secret, request.match_info["tag_key"]) is None:
            return problem(404, "Not Found", "There is nothing here.")
        headers = {
            "Cache-Control": "public, max-age=3600",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=self._script, content_type="text/javascript", charset="utf-8", headers=headers)

    async def preflight(self, request: web.Request) -> web.Response:
        """CORS: which origin may send what."""
        if self._page(request) is None:
            return _foreign()
        return _allowing(
            request,
            web.Response(
                status=204,
                headers={
                    "Access-Control-Allow-Methods": "POST",
                    "Access-Control-Allow-Headers": "content-type",
                    "Access-Control-Max-Age": "600",
                },
            ),
        )

    async def receive(self, request: web.Request) -> web.Response:
        """202 once what the visitor said is durable; 403 from another origin, 429 with Retry-After, 400, 413, 503."""
        account = self._page(request)
        if account is None:
            return _foreign()
        try:
            answer = await self._take(request, account)
        except Refused as refused:
            answer = refused.response
        except NotDurable:
            answer = bodies.not_durable()
        return _allowing(request, answer)

    async def _take(self, request: web.Request, account: str) -> web.Response:
        now = self.clock()
        key = request.match_info["tag_key"]
        wait = self.per_address.wait(f"{key} {address(request, self.proxies)}", now) or self.per_key.wait(key, now)
        if wait:
            response = problem(429, "Too Many Requests", "Too much was sent from here: try again later.")
            response.headers["Retry-After"] = str(-(-wait // 1000))
            return response
        if request.content_type != "application/json":
            return problem(415, "Unsupported Media Type", "Send application/json.")
        document = await bodies.read_object(request, LARGEST_BODY)
        event = said(document, account, request.headers["Origin"], now)
        await self.outbox.post([self.outbox.record(Role.CONTACTS, event.subject, encode_input(event))])
        return web.json_response({"accepted": True}, status=202)

    def _page(self, request: web.Request) -> str | None:
        """The account, if the key is ours and the page's origin is one of the key's."""
        found = read_tag_key(self.secret, request.match_info["tag_key"])
        return found[0] if found is not None and request.headers.get("Origin") in found[1] else None


def said(document: Mapping[str, Any], account: str, page: str, now: int) -> Input:
    """A visitor's words as an event. Raises Refused for what an anonymous visitor may not say: docs/adr/020."""
    for name, value in document.items():
        if name not in ("id", "contact", "fields", "evidence"):
            raise refuse(name[:64], value, "is unknown here")
    id_, contact, fields, evidence = (document.get(name) for name in ("id", "contact", "fields", "evidence"))
    if type(id_) is not str or not (8 <= len(id_) <= 64 and id_.isascii() and id_.isalnum()):
        raise refuse("id", id_, "must be 8 to 64 letters and digits, new for each time something is said")
    if type(contact) is not str:
        raise refuse("contact", contact, "must be a text: the e-mail address or external id of the visitor")
    if type(fields) is not dict or not 0 < len(fields) <= FIELDS:
        raise refuse("fields", fields, f"must be an object of 1 to {FIELDS} fields")
    if evidence is not None and (type(evidence) is not str or len(evidence) > _EVIDENCE_CHARACTERS):
        raise refuse("evidence", evidence, f"must be a text of at most {_EVIDENCE_CHARACTERS} characters")
    _permitted(fields, evidence)
    told = page if evidence is None else f"{page}: {evidence}"
    subject = f"{account}/{contact}"
    name = blake2b(f"{subject}\x1f{id_}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    try:
        data = ContactUpdated.of_json({"via": "tag", "fields": fields, "evidence": told})
        event = Input.of(data, id=name, source=SOURCE, subject=subject, time=now)
    except ValidationError as error:
        raise bodies.explain(error) from None
    except Undecodable as error:
        raise refuse("contact", contact, error.detail.removeprefix("subject: ")) from None
    if not event.contact:
        raise refuse("contact", contact, "must not be empty")
    return event


def _permitted(fields: Mapping[str, Any], evidence: str | None) -> None:
    for name, value in fields.items():
        if value is None:
            raise refuse(name[:64], value, "cannot be cleared from a page")
    if PHONE_STATUS in fields:
        raise refuse(PHONE_STATUS, fields[PHONE_STATUS], "cannot be set from a page")
    consent = fields.get(SUBSCRIPTION, "unsubscribed")
    if consent not in ("subscribed", "unsubscribed"):
        raise refuse(SUBSCRIPTION, consent, "must be subscribed or unsubscribed")
    if consent == "subscribed" and not (evidence and evidence.strip() and PHONE in fields):
        rule = f"subscribed needs {PHONE} and, as evidence, the words that the visitor agreed to"
        raise refuse(SUBSCRIPTION, consent, rule)


def address(request: web.Request, proxies: int) -> str:
    """Who asks: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets."""
    found = request.remote or ""
    forwarded = [part.strip() for part in ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")]
    if 0 < proxies <= len(forwarded):
        found = forwarded[-proxies][:64]
    return ":".join(found.split(":")[:4]) if found.count(":") > 1 else found


def _allowing(request: web.Request, response: web.Response) -> web.Response:
    response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
    response.headers["Vary"] = "Origin"
    return response


def _foreign() -> web.Response:
    """For a key that is not ours too: who tries keys learns nothing."""
    return problem(403, "Forbidden", "This tag key is not for pages of this origin; `recado tag` makes one that is.")

"""`GET /openapi.json`: the HTTP API as an OpenAPI 3.1 document, its bodies generated from the models.

`python -m connectors.http.openapi FILE` writes it; a test holds docs/openapi.json current, and that each route of the
API is in it and no other.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import web
from pydantic import BaseModel

from connectors.readmodel.statistics import GROUPS
from events.account import AccountConfigured, TemplateSaved
from events.asyncapi import CONTRACT
from events.contact import ContactUpdated
from events.send import SendRequested

Schema = dict[str, Any]
ACCOUNT: Final = "/v1/accounts/{account}"
CONTACT: Final = f"{ACCOUNT}/contacts/{{contact}}"
_ABOUT: Final = (
    "What an account asks of Recado and tells it. Times are RFC 3339, UTC in answers. Errors are RFC 9457. "
    "What is answered 202 is durable in Kafka; the answers to GET follow it by some milliseconds to seconds."
)


class Operation(NamedTuple):
    """One method of one path. `query` are parameters: name to what it means; `body` a schema's name or content type."""

    method: str
    path: str
    summary: str
    answer: str
    status: int = 200
    query: Mapping[str, str] = {}
    body: str | None = None
    public: bool = False  # needs no API key


_SEVERAL: Final = "; may be repeated"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation("post", "/v1/events", "Tell events: one CloudEvent, or a batch of them; all are written, or none",
              "Their ids, once they are durable", 202, body="CloudEvents"),
    Operation("get", ACCOUNT, "The account's settings; of a connector only whether it has a token", "The settings"),
    Operation("patch", ACCOUNT, "Change settings: an absent field stays, null is the default again", "The settings",
              body="AccountConfigured"),
    Operation("get", f"{ACCOUNT}/templates/{{template}}", "A template's newest version", "Text, variables, parts"),
    Operation("put", f"{ACCOUNT}/templates/{{template}}", "Save a template's next version; one that cannot be used is "
              "refused with the place of its fault", "Text, variables, parts", body="TemplateSaved"),
    Operation("post", f"{ACCOUNT}/imports", "Import contacts from a CSV file", "What was imported and what refused",
              query={"name": "the file's name", "key": "the column that names the contact"}, body="text/csv"),
    Operation("get", CONTACT, "A contact: phone, statuses, custom fields", "The contact",
              query={"at": "the state then, RFC 3339"}),
    Operation("patch", CONTACT, "Edit a contact: its fields, or fields and evidence", "The event's id", 202,
              body="ContactEdit"),
    Operation("get", f"{CONTACT}/export", "All that is known of a contact", "Profile, consent, messages, facts"),
    Operation("get", f"{CONTACT}/messages", "A contact's sends, newest first", "Sends, and the cursor of the next page",
              query={"limit": "1 to 1000, 100 by default", "before": "the `next` of the page before"}),
    Operation("get", f"{CONTACT}/has-received-sms", "Has this contact received such an SMS?",
              "received, count, and the last one",
              query={"class": "transactional or newsletter", "template": "a template's name",
                     "label": "any of these" + _SEVERAL, "since": "RFC 3339, inclusive", "until": "RFC 3339, exclusive",
                     "at_least": "how many, 1 by default",
                     "state": "delivered (a receipt came), or accepted (the provider took it, none says it failed)"}),
    Operation("post", f"{ACCOUNT}/sends", "Ask for an SMS; an Idempotency-Key makes a repetition the same request",
              "Its send_id", 202, body="Send"),
    Operation("get", f"{ACCOUNT}/sends/{{send_id}}", "Why an SMS was sent or not, step by step", "The decision record",
              query={"contact": "whose send, where several contacts have one with this id"}),
    Operation("get", f"{ACCOUNT}/statistics", "An account's sends, summed up", "Sums by group",
              query={"since": "RFC 3339, inclusive, of the request", "until": "RFC 3339, exclusive",
                     "group_by": ", ".join(GROUPS) + ": one or some, separated by commas" + _SEVERAL}),
    Operation("get", "/health/live", "Is the process alive?", "It is", public=True),
    Operation("get", "/health/ready", "Can it do its work?", "It can", public=True),
    Operation("get", "/metrics", "Counters for Prometheus", "Text, version 0.0.4", public=True),
    Operation("get", "/openapi.json", "This document", "OpenAPI 3.1", public=True),
)  # fmt: skip
_HEADER: Final = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key for the same contact again is the same edit or the same send, for 35 days at least. "
    "A send with the same key and other words is skipped as a duplicate, which `GET .../sends/{send_id}` shows.",
}  # fmt: skip


def document() -> Schema:
    """The whole document."""
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Recado", "version": CONTRACT, "description": _ABOUT},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "The account's API key."},
            },
            "schemas": _schemas(),
        },
    }


def _operation(operation: Operation) -> Schema:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    parameters += [
        {"name": name, "in": "query", "description": told, "schema": {"type": "string"}}
        for name, told in operation.query.items()
    ]
    if operation.status == 202 and operation.path != "/v1/events":
        parameters.append(_HEADER)
    problem = {"content": {"application/problem+json": {"schema": _ref("Problem")}}}
    answers: Schema = {
        str(operation.status): {"description": operation.answer},
        "default": {"description": "What is wrong, and what to do", **problem},
    }
    told: Schema = {"summary": operation.summary, "parameters": parameters, "responses": answers}
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": _content(operation.body)}
    if operation.public:
        told["security"] = []
    return told


def _content(body: str) -> Schema:
    if "/" in body:
        return {body: {"schema": {"type": "string"}}}
    if body == "CloudEvents":
        one = _ref("CloudEvent")
        return {
            "application/cloudevents+json": {"schema": one},
            "application/cloudevents-batch+json": {"schema": {"type": "array", "items": one}},
        }
    return {"application/json": {"schema": _ref(body)}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> Schema:
    found: Schema = {}
    for model in (AccountConfigured, TemplateSaved, ContactUpdated, SendRequested):
        found |= _of(model)
    saved = found["TemplateSaved"]
    saved["required"] = [name for name in saved["required"] if name != "template"]  # the path names it
    asked = found.pop("SendRequested")
    found["Send"] = asked | {
        "properties": {
            "contact": {"type": "string", "minLength": 1, "maxLength": 128},
            "class": {"enum": ["transactional", "newsletter"]},
            **asked["properties"],
        },
        "required": ["contact", "class", *(name for name in asked["required"] if name != "to")],
    }
    edit = found.pop("ContactUpdated")
    found["ContactEdit"] = edit | {"required": ["fields"]}
    text = {"type": "string"}
    found["CloudEvent"] = {
        "type": "object",
        "description": "CloudEvents 1.0, structured mode; docs/schemas has a schema for each type.",
        "properties": dict.fromkeys(("id", "source", "type", "subject"), text)
        | {"specversion": {"const": "1.0"}, "time": text | {"format": "date-time"}, "data": {"type": "object"}},
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
    }
    found["Problem"] = {
        "type": "object",
        "description": "RFC 9457; `field`, `value` (its kind only) and `rule` where a field is wrong.",
        "properties": dict.fromkeys(("type", "title", "detail", "field", "value", "rule"), text)
        | {"status": {"type": "integer"}},
        "required": ["type", "title", "status", "detail"],
    }
    return dict(sorted(found.items()))


def _of(model: type[BaseModel]) -> Schema:
    """A model's schema and those it refers to."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def routes() -> list[web.RouteDef]:
    """The one path; the document is made once."""
    content = orjson.dumps(document())

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type="application/json")

    return [web.get("/openapi.json", show)]


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(orjson.dumps(document(), option=orjson.OPT_INDENT_2) + b"\n")

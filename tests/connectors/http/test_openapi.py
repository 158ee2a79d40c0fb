"""The API's document is generated, current, and names every route there is."""

from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from connectors.http import openapi
from connectors.http.accounts import Accounts
from connectors.http.bearer import KnownKeys
from connectors.http.cloudevents import CloudEvents
from connectors.http.commands import Commands
from connectors.http.imports import Imports
from connectors.http.ingress import health
from connectors.http.metrics import Metrics
from connectors.http.queries import build_queries
from connectors.kafka.appender import MemoryAppender
from connectors.kafka.outbox import Outbox
from projections.account import Directory

DOCS = Path(__file__).parents[3] / "docs"


def served() -> set[tuple[str, str]]:
    """What an account and its operators may call, as `recado http` serves it."""
    outbox, secret, engine = Outbox(MemoryAppender(), "recado.", 8), b"s" * 32, object()

    async def never() -> None: ...

    routes = [
        *build_queries(engine, secret, lambda *_: "none"),  # type: ignore[arg-type]  # asked nothing
        *Commands(outbox, secret, lambda: 0, lambda: "").routes(),
        *CloudEvents(outbox, secret, KnownKeys(secret, tuple), Directory()).routes(),
        *Imports(outbox, secret, lambda: 0, lambda _: None).routes(),
        *Accounts(outbox, secret, lambda: 0, lambda: "", Directory(), never).routes(),
        *health(lambda: True),
        *Metrics(lambda: True).routes(),
        *openapi.routes(),
    ]
    return {(route.method.lower(), route.path) for route in routes}


def test_each_route_is_in_the_document_and_no_other() -> None:
    told = {(method, path) for path, methods in openapi.document()["paths"].items() for method in methods}
    assert told == served()


def test_the_document_in_docs_is_current() -> None:
    expected = orjson.dumps(openapi.document(), option=orjson.OPT_INDENT_2) + b"\n"
    assert (DOCS / "openapi.json").read_bytes() == expected, "run `make docs`"


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document()

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    named = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= named


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"contact": "ana", "class": "newsletter", "sender": "Acme", "text": "Hola"}, True),
        ({"contact": "ana", "class": "newsletter", "sender": "Acme", "template": "bf", "variables": {"a": 1}}, True),
        ({"contact": "ana", "sender": "Acme", "text": "Hola"}, False),
        ({"contact": "ana", "class": "newsletter", "sender": "Acme", "text": "Hola", "template": "bf"}, False),
        ({"contact": "ana", "class": "newsletter", "sender": "Acme", "text": "Hola", "colour": 1}, False),
    ],
)
def test_a_send_fits_its_schema_or_does_not(body: dict[str, Any], fits: bool) -> None:
    document = openapi.document()
    schema = {"$ref": "#/components/schemas/Send", "components": document["components"]}
    assert jsonschema.Draft202012Validator(schema).is_valid(body) is fits

"""A JSON Schema for each event that comes in, each fact that goes out, and the dead letter, made from the models."""

import re
from collections.abc import Mapping
from inspect import getdoc
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from events import envelope, topics
from events.envelope import InputData
from events.fact import DATA, SOURCE, FactData
from events.record import Field, Record
from events.topics import CATALOGUE

Schema = dict[str, Any]
DEAD_LETTER: Final = "recado.dead_letter"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ACCOUNT: Final = "^[a-z0-9][a-z0-9-]{0,39}$"
_CONTACT: Final = f"^[a-z0-9][a-z0-9-]{{0,39}}/[^/]{{1,{envelope.CONTACT_CHARACTERS}}}$"
_SEALED: Final[Schema] = {
    "type": "object",
    "properties": {"sealed": {"type": "string"}},
    "required": ["sealed"],
    "additionalProperties": False,
    "description": "A personal value under the contact's key, of an account whose privacy is `sealed`.",
}
_TIME: Final[Schema] = {"type": "string", "format": "date-time", "maxLength": 40}


def _about(of: type) -> str:
    return re.sub(r"\s+", " ", getdoc(of) or "")


def input_schema(model: type[InputData]) -> Schema:
    """A whole event that comes in: envelope and data."""
    data = model.model_json_schema()
    definitions = data.pop("$defs", {})
    holder = next(topic for topic in CATALOGUE if model.TYPE in topic.types)
    schema = _event(model.TYPE, model, data, {"pattern": _ACCOUNT if holder.key == "account" else _CONTACT})
    if any(model.TYPE in topics.BY_ROLE[role].types for role in topics.CLASS_OF):
        schema["properties"]["class"] = {
            "enum": list(topics.SENDS_OF),
            "description": "May repeat what the topic says; required where no topic is named.",
        }
    if definitions:
        schema["$defs"] = definitions
    return schema


def fact_schema(of: type[FactData]) -> Schema:
    """A whole fact of the journal: envelope, extension attributes and data."""
    fields = Record[FactData](of).fields
    data: Schema = {
        "type": "object",
        "properties": {field.json: _field(field) for field in fields},
        "required": [field.json for field in fields if field.default is None],
        "additionalProperties": False,
    }
    schema = _event(of.TYPE, of, data, {"pattern": _CONTACT})
    schema["properties"] |= {
        "source": {"const": SOURCE},
        "sequence": {"type": "integer", "minimum": 1, "description": "Counts the contact's facts: 1, 2, 3, ..."},
        "causationid": {"type": "string", "description": "The id of the event that led here."},
        "causationsource": {"type": "string", "description": "The source of that event."},
    }
    schema["required"] += ["sequence", "causationid", "causationsource"]
    return schema


def dead_letter_schema() -> Schema:
    """A record of the dead letters; no CloudEvent, as it may hold anything."""
    base64 = {"type": ["string", "null"], "contentEncoding": "base64"}
    properties: Schema = {
        "reason": {"enum": list(get_args(envelope.Reason))},
        "detail": {"type": "string", "description": "For a person: the field and the rule, no personal data."},
        "topic": {"type": "string"},
        "partition": {"type": "integer", "minimum": 0},
        "offset": {"type": "integer", "minimum": -1, "description": "-1: no record, a timer whose decider failed"},
        "at": _TIME,
        "original": {
            "anyOf": [{**base64, "description": "The record's value; of one beyond 1 MiB, its beginning."}, _SEALED]
        },
        "size": {"type": "integer", "minimum": 0, "description": "Bytes of the whole original."},
        "key": base64,
        "headers": {"type": "array", "items": {"type": "array", "prefixItems": [{"type": "string"}, base64]}},
        "sealed_for": {
            "type": "string",
            "description": "Where original, key and headers are sealed: the contact whose key opens them, or empty.",
        },
    }
    return {
        "$schema": _DIALECT,
        "$id": f"{DEAD_LETTER}.json",
        "title": DEAD_LETTER,
        "description": "A record that could not be read or processed.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "sealed_for"],
        "additionalProperties": False,
    }


def _event(type_: str, of: type, data: Schema, subject: Schema) -> Schema:
    for clutter in ("title", "description"):
        data.pop(clutter, None)
    return {
        "$schema": _DIALECT,
        "$id": f"{type_}.json",
        "title": type_,
        "description": _about(of),
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": envelope.ID_CHARACTERS},
            "source": {"type": "string", "minLength": 1, "maxLength": envelope.SOURCE_CHARACTERS},
            "type": {"const": type_},
            "subject": {"type": "string", **subject},
            "time": _TIME,
            "data": data,
        },
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
    }


def _field(field: Field) -> Schema:
    if field.moment:
        shapes: list[Schema] = [_TIME]
    else:
        shapes = [_shape(member) for member in _members(field.annotation) if member is not NoneType]
    if NoneType in field.types:
        shapes.append({"type": "null"})
    if field.personal:
        shapes.append(_SEALED)
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if NoneType in get_args(annotation) else (annotation,)


def _shape(annotation: Any) -> Schema:
    origin = get_origin(annotation)
    if origin is Literal:
        return {"enum": list(get_args(annotation))}
    if origin is list:
        return {"type": "array", "items": {"type": "string"}}
    if origin is Mapping or origin is dict:
        return {"type": "object"}
    return {"type": {str: "string", int: "integer", bool: "boolean"}[annotation]}


def schemas() -> dict[str, Schema]:
    """Every schema by the name of its file."""
    found = [input_schema(model) for model in envelope.INPUTS] + [fact_schema(of) for of in DATA]
    # NOTE: `recado.contact.erased.v1` is both asked for (contacts) and stated (journal): two files.
    named: dict[str, Schema] = {}
    for schema in [*found, dead_letter_schema()]:
        if schema["$id"] in named:
            schema["$id"] = f"{schema['title']}.fact.json"
        named[schema["$id"]] = schema
    return named

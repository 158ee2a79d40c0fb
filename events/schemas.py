"""The contract as documents, generated from the models: a JSON Schema for each event, AsyncAPI 3.0 for the topics.

`python -m events.schemas docs` writes docs/asyncapi.json and docs/schemas/; a test holds that they are current.
"""

import re
import sys
from collections.abc import Mapping
from inspect import getdoc
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

import orjson

from events import codec, envelope, examples, topics
from events.dead_letter import encode_dead_letter
from events.envelope import InputData
from events.fact import DATA, SOURCE, FactData
from events.record import Field, Record
from events.topics import CATALOGUE, DEFAULT_PREFIX, Role, Topic

Schema = dict[str, Any]
CONTRACT: Final = "1.0.0"
DEAD_LETTER: Final = "recado.dead_letter"
_ABOUT: Final = (
    "What Recado reads from Kafka and writes to it. Records are CloudEvents 1.0 in structured JSON mode; keys are "
    "hashed as Kafka's Java client does (murmur2), and all topics but accounts and dead letters are co-partitioned. "
    "Actions are told from Recado's side. The prefix of the addresses is a setting, RECADO_TOPIC_PREFIX."
)
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_FORMAT: Final = "application/schema+json;version=draft-2020-12"
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
        "offset": {"type": "integer", "minimum": 0},
        "at": _TIME,
        "original": {**base64, "description": "The record's value; of one beyond 1 MiB, its beginning."},
        "size": {"type": "integer", "minimum": 0, "description": "Bytes of the whole original."},
        "key": base64,
        "headers": {"type": "array", "items": {"type": "array", "prefixItems": [{"type": "string"}, base64]}},
    }
    return {
        "$schema": _DIALECT,
        "$id": f"{DEAD_LETTER}.json",
        "title": DEAD_LETTER,
        "description": "A record that could not be read or processed.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
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


def asyncapi() -> Schema:
    """The AsyncAPI 3.0 document of the topics, with an example for each message."""
    messages: Schema = {}
    channels: Schema = {}
    operations: Schema = {}
    for topic in CATALOGUE:
        held = _messages(topic)
        messages |= held
        channels[topic.role.value] = _channel(topic, list(held))
        if held:
            action = "receive" if _is_input(topic) else "send"
            operations[f"{action}-{topic.role}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.role}"},
                "summary": topic.doc,
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Recado",
            "version": CONTRACT,
            "description": _ABOUT,
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _is_input(topic: Topic) -> bool:
    return topic.role not in (Role.JOURNAL, Role.DEAD_LETTERS, Role.STATE)


def _channel(topic: Topic, messages: list[str]) -> Schema:
    config = topic.config(embedded=False)
    settings: Schema = {
        "cleanup.policy": [config["cleanup.policy"]],
        "max.message.bytes": int(config["max.message.bytes"]),
    }
    if "retention.ms" in config:
        settings["retention.ms"] = int(config["retention.ms"])
    return {
        "address": topics.name(DEFAULT_PREFIX, topic.role),
        "title": topic.role.value,
        "description": f"{topic.doc} Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "partitions": topic.count(8),
                "topicConfiguration": settings,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _messages(topic: Topic) -> Schema:
    if topic.role is Role.DEAD_LETTERS:
        example = orjson.loads(encode_dead_letter(examples.DEAD_LETTER))
        return {DEAD_LETTER: _message(DEAD_LETTER, f"{DEAD_LETTER}.json", topic, example, "application/json")}
    files = {schema["title"]: name for name, schema in schemas().items() if _is_fact(schema) is (not _is_input(topic))}
    held: Schema = {}
    for type_ in topic.types:
        name = files[type_].removesuffix(".json")
        held[name] = _message(type_, files[type_], topic, _example(type_, topic), "application/cloudevents+json")
    return held


def _is_fact(schema: Schema) -> bool:
    return "sequence" in schema["properties"]


def _example(type_: str, topic: Topic) -> Any:
    if _is_input(topic):
        return orjson.loads(codec.encode_input(next(event for event in examples.INPUTS if event.type == type_)))
    return orjson.loads(codec.encode_fact(next(fact for fact in examples.FACTS if fact.type == type_)))


def _message(name: str, file: str, topic: Topic, example: Any, content: str) -> Schema:
    return {
        "name": name,
        "contentType": content,
        "payload": {
            "schemaFormat": _FORMAT,
            "schema": {"$ref": f"schemas/{file}"},
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": "0.5.0"}},
        "examples": [{"payload": example}],
    }


def documents() -> dict[str, bytes]:
    """Every generated file, by its path below docs/."""
    written = {f"schemas/{name}": schema for name, schema in schemas().items()} | {"asyncapi.json": asyncapi()}
    return {path: orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n" for path, document in written.items()}


def write(directory: Path) -> list[Path]:
    """Write `documents` below a directory, delete schemas that no event has any more; return what was written."""
    (directory / "schemas").mkdir(parents=True, exist_ok=True)
    paths = []
    for path, content in documents().items():
        (directory / path).write_bytes(content)
        paths.append(directory / path)
    for stale in set((directory / "schemas").glob("*.json")) - set(paths):
        stale.unlink()
    return paths


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        sys.stdout.write(f"{written}\n")

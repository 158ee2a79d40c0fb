"""The AsyncAPI 3.0 document of the topics, made from the catalogue, the schemas and the examples."""

from typing import Any, Final

import orjson

from events import codec, examples, topics
from events.dead_letter import encode_dead_letter
from events.json_schema import DEAD_LETTER, Schema, schemas
from events.topics import CATALOGUE, DEFAULT_PREFIX, Role, Topic

CONTRACT: Final = "1.0.0"
_ABOUT: Final = (
    "What Recado reads from Kafka and writes to it. Records are CloudEvents 1.0 in structured JSON mode; keys are "
    "hashed as Kafka's Java client does (murmur2), and all topics but accounts and dead letters are co-partitioned. "
    "Actions are told from Recado's side. The prefix of the addresses is a setting, RECADO_TOPIC_PREFIX."
)
_FORMAT: Final = "application/schema+json;version=draft-2020-12"


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
    return topic.role not in (Role.JOURNAL, Role.DEAD_LETTERS, Role.STATE, Role.KEYS, Role.INBOX_KEYS)


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

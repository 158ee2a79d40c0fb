"""The fixed light fold that engines are compared by: decode JSON, four fields, state, changelog, one fact."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.ports import Record
from events.codec import encode_fact
from events.contact import FieldsChanged
from events.fact import Fact
from events.topics import Role
from streams.pipeline import Verdict
from streams.view import StateView


def encode(key: bytes, value: object) -> bytes:
    """State as compact JSON."""
    return orjson.dumps(value)


def decode(key: bytes, raw: bytes) -> object:
    return orjson.loads(raw)


def fact_of(event: Mapping[str, Any], count: int, now: int) -> bytes:
    """The one fact that every subject writes for an event."""
    data = FieldsChanged(event["data"]["fields"], [])
    return encode_fact(Fact(event["subject"], count, now, event["id"], event["source"], data))


class LightFold:
    """Counts a contact's updates and keeps three of their fields; every update leaves one fact."""

    def handle(self, role: Role, record: Record, view: StateView, now: int, moved: bool) -> Verdict:
        event = orjson.loads(record.value or b"{}")
        subject: str = event["subject"]
        key = b"c/" + subject.encode()
        state = view.get(key) or (0, 0, "", "")
        count = state[0] + 1
        fields = event["data"]["fields"]
        view.put(key, (count, record.offset, fields["counter"], fields["city"]))
        fact = Fact(subject, count, now, event["id"], event["source"], FieldsChanged(fields, []))
        return Verdict("applied", (fact,))

    def due(self, view: StateView, now: int, limit: int) -> Sequence[Verdict]:
        return ()

    def next_due(self, view: StateView) -> int | None:
        return None

    def abandon(self, view: StateView, open_key: bytes, now: int) -> Verdict:
        raise AssertionError("a light fold attempts nothing")

    def open_attempts(self, view: StateView) -> Sequence[bytes]:
        return ()

    def sweep(self, view: StateView, now: int, after: bytes, limit: int) -> bytes:
        return b""

    def settings_version(self) -> int:
        return 0

    def fold(self, fact: Fact, view: StateView, at: int) -> None:
        raise AssertionError("the light fold is never rebuilt")

    def fold_silent(self, ids: bytes, view: StateView, at: int) -> None:
        raise AssertionError("the light fold is never rebuilt")

"""The fixed light fold that engines are compared by: decode JSON, four fields, state, changelog, one fact."""

from collections.abc import Sequence

import orjson

from benchmarks.fact import FIRST, folded
from connectors.ports import Record
from events.contact import FieldsChanged
from events.dead_letter import DeadLetter
from events.fact import Fact
from events.shape import Class
from events.topics import Role
from streams.verdict import Verdict
from streams.view import StateView


def encode(key: bytes, value: object) -> bytes:
    """State as compact JSON, in bytes of its own size as projections/keyspace.py makes them."""
    return orjson.dumps(value, None, orjson.OPT_APPEND_NEWLINE)[:-1]


def decode(key: bytes, raw: bytes) -> object:
    return orjson.loads(raw)


class LightFold:
    """A streams.takeover.Foldable that counts a contact's updates; every update leaves one fact."""

    def handle(self, role: Role, record: Record, view: StateView, now: int, moved: bool) -> Verdict:
        event = orjson.loads(record.value or b"{}")
        subject: str = event["subject"]
        key = b"c/" + subject.encode()
        state = folded(view.get(key) or FIRST, event, record.offset)
        view.put(key, state)
        data = FieldsChanged(event["data"]["fields"], [])
        return Verdict("applied", (Fact(subject, state[0], now, event["id"], event["source"], data),))

    def conceal(self, letter: DeadLetter, view: StateView) -> DeadLetter:
        return letter

    def prepare(self, view: StateView) -> None:
        return

    def due(self, view: StateView, now: int, limit: int, class_: Class, until: int) -> Sequence[Verdict]:
        return ()

    def cancelled(self) -> int:
        return 0

    def timers(self, view: StateView, after: bytes, limit: int) -> tuple[Sequence[bytes], bytes]:
        raise AssertionError("this workflow has no timers")

    def recall(self, view: StateView, timer: bytes, now: int) -> Verdict | None:
        raise AssertionError("this workflow has no timers")

    def drop(self, view: StateView, class_: Class) -> Record:
        raise AssertionError("this workflow has no timers")

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

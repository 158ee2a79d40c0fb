"""What is still to come of a run: attempts without an outcome, sends that wait for their time."""

from dataclasses import dataclass, field
from typing import Any

import orjson

_SEND = "recado.send."


@dataclass(slots=True)
class Open:
    """Fed the journal fact by fact: `calls` are attempts without an outcome, by contact, send id and number; `waiting`
    the sends that are deferred, by contact and send id."""

    calls: set[tuple[str, str, int]] = field(default_factory=set)
    waiting: set[tuple[str, str]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.calls) + len(self.waiting)

    def take(self, fact: bytes) -> None:
        """The next fact of some partition, as it lies in the journal."""
        document: dict[str, Any] = orjson.loads(fact)
        kind = document["type"].removesuffix(".v1")
        if kind.startswith(_SEND):
            self._fold(document["subject"], kind.removeprefix(_SEND), document["data"])

    def _fold(self, subject: str, kind: str, data: dict[str, Any]) -> None:
        send_id = data["send_id"]
        match kind:
            case "deferred":
                self.waiting.add((subject, send_id))
            case "attempted":
                self.waiting.discard((subject, send_id))
                self.calls.add((subject, send_id, data["attempt"]))
            case "skipped":
                if data["reason"] != "duplicate":
                    self.waiting.discard((subject, send_id))
            case _:
                self.calls.discard((subject, send_id, data["attempt"]))
                if kind == "accepted":
                    self.waiting.discard((subject, send_id))

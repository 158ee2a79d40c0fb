"""What is still to come of a run: attempts without an outcome, sends that wait for their time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from chaos.evidence import Landed

_SEND = "recado.send."


@dataclass(slots=True)
class Open:
    """Fed the whole journal again and again, it looks at what is new: `left` names what is neither ended nor dropped.

    An attempt is (contact, send id, its number), a deferred send (contact, send id, 0).
    """

    left: set[tuple[str, str, int]] = field(default_factory=set)
    _seen: dict[int, int] = field(default_factory=dict)

    def take(self, journal: Sequence[Landed]) -> None:
        """`journal` by partition, then offset."""
        for landed in journal:
            if landed.offset <= self._seen.get(landed.partition, -1):
                continue
            self._seen[landed.partition] = landed.offset
            document: dict[str, Any] = orjson.loads(landed.value or b"{}")
            kind = document["type"].removesuffix(".v1")
            if kind.startswith(_SEND):
                self._fold(document["subject"], kind.removeprefix(_SEND), document["data"])

    def _fold(self, subject: str, kind: str, data: dict[str, Any]) -> None:
        send_id = data["send_id"]
        match kind:
            case "deferred":
                self.left.add((subject, send_id, 0))
            case "attempted":
                self.left.discard((subject, send_id, 0))
                self.left.add((subject, send_id, data["attempt"]))
            case "skipped":
                if data["reason"] != "duplicate":
                    self.left.discard((subject, send_id, 0))
            case _:
                self.left.discard((subject, send_id, data["attempt"]))
                if kind == "accepted":
                    self.left.discard((subject, send_id, 0))

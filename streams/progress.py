"""How far a partition has come: each topic's next position, how its records were dealt with, ids that left no fact.

They are part of the state, so a commit keeps them with what they stand for; a commit's last fact carries them as
headers, so that the journal alone rebuilds all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from connectors.ports import MachineryFault
from events.topics import Role
from streams.view import StateView

POSITIONS: Final = b"p/positions"
COUNTS: Final = b"p/counts"
SILENT: Final = b"p/silent"
STATE_HEADER: Final = "recado-state"  # on a commit's last fact: positions and counts
SILENT_HEADER: Final = "recado-silent"  # on a commit's last fact: 16-byte ids of inputs that left no fact
COUNTED: Final = ("read", "applied", "unchanged", "repeated", "moved", "dead")
SILENT_BYTES: Final = 16 * 2_000  # ids of inputs that left no fact, waiting for a fact to carry them into the journal


class Progress:
    """One partition's, as its state has it. `positions` are the next offset of each input topic that is not yet
    decided; whoever decides moves them on."""

    def __init__(self, partition: int, inputs: Iterable[Role], topic_ids: Mapping[str, str], view: StateView) -> None:
        """Raises MachineryFault where a topic is not the one that the state has read."""
        saved: Mapping[str, Sequence[Any]] = view.get(POSITIONS) or {}
        self.positions: dict[Role, int] = {role: saved.get(role.value, (0, ""))[0] for role in inputs}
        self._topic_ids = topic_ids
        self._counts: dict[str, dict[str, int]] = view.get(COUNTS) or {}
        self._silent = bytearray.fromhex(view.get(SILENT) or "")
        for name, (_, topic_id) in saved.items():
            now = topic_ids.get(name, topic_id)
            if topic_id and now and topic_id != now:
                raise MachineryFault(
                    f"topic {name} was deleted and made anew since partition {partition} last read it: its positions "
                    "mean nothing now. Restore the topic, or start with an empty RECADO_DATA and prefix."
                )

    def counts(self, role: Role) -> dict[str, int]:
        """How many of a topic's records were read, and what became of them (COUNTED); to be counted on."""
        counts = self._counts.get(role.value)
        if counts is None:
            counts = self._counts[role.value] = dict.fromkeys(COUNTED, 0)
        return counts

    def left_no_fact(self, ids: bytes) -> None:
        """Ids of inputs, 16 bytes each, which the next fact is to carry into the journal."""
        self._silent += ids

    def kept(self, view: StateView, *, facts: bool) -> list[tuple[str, bytes]]:
        """Into the state; the headers of the commit's last fact, if it has `facts`."""
        positions = {
            role.value: (position, self._topic_ids.get(role.value, "")) for role, position in self.positions.items()
        }
        view.put(POSITIONS, positions)
        view.put(COUNTS, self._counts)
        silent = bytes(self._silent)
        self._silent = bytearray() if facts else bytearray(silent[-SILENT_BYTES:])
        if (view.get(SILENT) or "") != self._silent.hex():
            view.put(SILENT, self._silent.hex())
        if not facts:
            return []
        header = orjson.dumps({"positions": positions, "counts": self._counts})
        return [(STATE_HEADER, header), (SILENT_HEADER, silent)]

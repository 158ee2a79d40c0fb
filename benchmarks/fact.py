"""The one fact that every subject writes for an event, and the state it keeps: what a peer shares with the engine.

Imports nothing but orjson and the product's clock format, so that a peer's own environment can load it.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from events import instant

FIRST = (0, 0, "", "")


def folded(state: Sequence[Any], event: Mapping[str, Any], offset: int) -> tuple[int, int, Any, Any]:
    """The next state of a contact: how many updates, the last one's offset, and two of its fields."""
    fields = event["data"]["fields"]
    return state[0] + 1, offset, fields["counter"], fields["city"]


def fact_of(event: Mapping[str, Any], sequence: int, now: int) -> bytes:
    """The fact of an update, byte for byte as events.codec.encode_fact writes it."""
    subject: str = event["subject"]
    named = f"{subject}\0{sequence}\0{event['id']}"
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": blake2b(named.encode(), digest_size=16).hexdigest(),
            "source": "/recado/engine",
            "type": "recado.contact.fields_changed.v1",
            "subject": subject,
            "time": instant.render(now),
            "sequence": sequence,
            "causationid": event["id"],
            "causationsource": event["source"],
            "data": {"set": event["data"]["fields"], "removed": []},
        }
    )

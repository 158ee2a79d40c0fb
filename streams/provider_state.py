"""What a worker knows of an account's provider when a send may not go by it, as the send's fact says it. Pure."""

from collections.abc import Mapping
from typing import Any

from events import instant
from events.shape import Class
from streams.circuit import Circuit
from streams.rate import Bucket

__all__ = ["of_circuit", "of_limit"]


def of_circuit(circuit: Circuit, status: int | None) -> Mapping[str, Any]:
    """Why it is not called: `status` is the HTTP status of what last failed, None where there was no answer."""
    return {"circuit": circuit.cause, "status": status, "tried_again_at": instant.render(circuit.until)}


def of_limit(bucket: Bucket, class_: Class, now: int, share: float) -> Mapping[str, Any]:
    """Why it takes no more for now: its limit a window of so many seconds, what was left of it to all workers, how many
    per cent of that are this worker's, and until when a 429 bars the class."""
    told: dict[str, Any] = {"limit": bucket.limit}
    if bucket.limit is not None:
        told["seconds"], told["left"] = bucket.window // 1_000, max(0, int(bucket.left))
        told["window_ends"], told["share"] = instant.render(bucket.reset_at), round(100 * share)
    barred = bucket.barred_until(class_)
    if barred > now:
        told["barred_until"] = instant.render(barred)
    return told

"""One request as the deciders see it, and the place where it is decided."""

from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from events.send import SendRequested
from events.shape import Class
from streams.allowance import UNLIMITED, Allowance
from streams.leave import FREE, Gate

__all__ = ["Asked", "Links", "Place"]


class Links(NamedTuple):
    """What short links are made of: the key of their MAC, and what they begin with where the account has no domain."""

    key: bytes = b""
    base: str = "http://127.0.0.1:8080"


class Place(NamedTuple):
    """What a client id and a link are made of, besides the send: the contact's partition and the keys of the MACs; and
    who says whether the provider may be called now, and what is left of the account's day."""

    partition: int
    mac_key: bytes
    links: Links = Links()
    gate: Gate = FREE
    allowance: Allowance = UNLIMITED


class Asked(NamedTuple):
    """One request, whether it just came or waited."""

    subject: str
    account: str
    hashed: str  # client_id.send_hash
    send_id: str
    class_: Class
    requested_at: int  # ms
    body: str
    request: dict[str, Any]  # the data as JSON: what facts carry
    data: SendRequested

    @classmethod
    def of(
        cls, data: SendRequested, subject: str, hashed: str, send_id: str, class_: Class, requested_at: int, key: bytes
    ) -> "Asked":
        """A request that just came. Its body's digest is keyed: without the key nobody can test guesses at what it
        said."""
        request = data.model_dump(mode="json", exclude_defaults=True)
        said = orjson.dumps({**request, "send_id": class_}, option=orjson.OPT_SORT_KEYS)
        body = blake2b(said, digest_size=8, key=key).hexdigest()
        return cls(subject, subject.partition("/")[0], hashed, send_id, class_, requested_at, body, request, data)

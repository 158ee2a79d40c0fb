"""A record that could not be read or processed, with the reason and the original bytes, so that it can be replayed."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

import orjson

from events import instant

LIMIT: Final = 1024 * 1024  # bytes of the original that are kept; in base64 they fit the topic's 2 MiB
_BESIDE: Final = 64 * 1024  # bytes of the key, and of the headers, that are kept


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`reason` and `detail` are those of Undecodable; topic, partition and offset say where the record was; `at` is
    when it was given up, ms.

    `size` is the length in bytes of the whole original, 0 for a record without a value. `original` holds all of it, but
    of one beyond 1 MiB, which only a compressed batch can carry, the beginning.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    at: int
    original: bytes | None
    size: int
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def whole(self) -> bool:
        """Whether `original` is all there was, so that it may be replayed."""
        return self.size == len(self.original or b"")


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode("ascii")


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else b64decode(value, validate=True)


def encode_dead_letter(letter: DeadLetter) -> bytes:
    """The dead letter as it lies in Kafka: at most 2 MiB, whatever the record was."""
    key, original = letter.key, letter.original
    spent = 0
    headers: list[list[str | None]] = []
    for name, value in letter.headers:
        spent += len(name.encode("utf-8", "replace")) + len(value or b"")
        if spent > _BESIDE:
            break
        headers.append([name.encode("utf-8", "replace").decode(), _base64(value)])
    return orjson.dumps(
        {
            "reason": letter.reason,
            "detail": letter.detail,
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "at": instant.render(letter.at),
            "original": _base64(None if original is None else original[:LIMIT]),
            "size": letter.size,
            "key": _base64(None if key is None else key[:_BESIDE]),
            "headers": headers,
        }
    )


def decode_dead_letter(value: bytes) -> DeadLetter:
    """The inverse of `encode_dead_letter`. Raises ValueError for anything else."""
    document = orjson.loads(value)
    try:
        return DeadLetter(
            document["reason"],
            document["detail"],
            document["topic"],
            document["partition"],
            document["offset"],
            instant.parse(document["at"]),
            _bytes(document["original"]),
            document["size"],
            _bytes(document["key"]),
            tuple((name, _bytes(held)) for name, held in document["headers"]),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no dead letter of Recado: {type(error).__name__}") from None

"""A record that could not be read or processed, with the reason and the original bytes, so that it can be replayed."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from events import instant
from events.cipher import Cipher
from events.record import Sealed, sealed_text

LIMIT: Final = 1024 * 1024  # bytes of the original that are kept; in base64 they fit the topic's 2 MiB, sealed too
MOST_HEADERS: Final = 100  # of a record that are kept: an empty one costs a stranger two bytes, and a letter ten
_BESIDE: Final = 64 * 1024  # bytes of the key, and of the headers as they are written, that are kept
_LETTER: Final = 2 * LIMIT - 2 * _BESIDE  # bytes of a letter: what the topic takes, less its record's key and frame
_DETAIL: Final = 4_000  # characters of the detail that are kept, each of at most six bytes in JSON
_ROOM: Final = _LETTER - 32 * 1024  # bytes for what a stranger wrote, beside what Recado tells
_SEALED_ROOM: Final = _ROOM // 4 * 3 - 1024  # likewise before it is sealed in base64 once more, less the JSON around it


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`reason` and `detail` are those of Undecodable; topic, partition and offset say where the record was; `at` is
    when it was given up, ms. The offset -1 is that of a timer on which a decider failed: `original` says what waited,
    and was never a record, so it is not replayed.

    `size` is the length in bytes of the whole original, 0 for a record without a value. `original` holds all of it, but
    of one beyond 1 MiB, which only a compressed batch can carry, the beginning. Key and headers, which nothing is
    decided by, are kept as far as they fit: the first 100 headers at most. Of an account whose privacy is `sealed`
    it is in `sealed`, with key and headers: under the key of the contact `sealed_for`, or, where nobody knows whom it
    concerns, under RECADO_SECRET ("").
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
    sealed: Sealed | None = None
    sealed_for: str = ""

    @property
    def whole(self) -> bool:
        """Whether `original` is all that a record held, so that it may be replayed."""
        if self.offset < 0:
            return False
        return self.size <= LIMIT if self.sealed is not None else self.size == len(self.original or b"")


def concealed(letter: DeadLetter, cipher: Cipher, subject: str) -> DeadLetter:
    """The letter with all that a stranger wrote sealed; `subject` as in DeadLetter.sealed_for."""
    held = _held(letter, _SEALED_ROOM)
    return replace(
        letter, original=None, key=None, headers=(), sealed=cipher.seal(_place(subject), held), sealed_for=subject
    )


def subject_of(letter: DeadLetter) -> str:
    """Whom the record said that it concerns: its event's subject, or else its key; "" where it says nothing."""
    try:
        subject = orjson.loads(letter.original or b"")["subject"]
    except (ValueError, TypeError, KeyError, IndexError):
        subject = None
    return subject if type(subject) is str else (letter.key or b"").decode(errors="replace")


def revealed(letter: DeadLetter, cipher: Cipher) -> DeadLetter:
    """The inverse of `concealed`. Raises Closed."""
    if letter.sealed is None:
        return letter
    held = cipher.open(_place(letter.sealed_for), letter.sealed)
    return replace(
        letter, original=_bytes(held["original"]), key=_bytes(held["key"]), headers=_headers(held["headers"]),
        sealed=None, sealed_for="",
    )  # fmt: skip


def _place(subject: str) -> str:
    return f"dead-letter/{subject}"


def _headers(written: list[tuple[str, str | None]]) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((name, _bytes(held)) for name, held in written)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode("ascii")


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else b64decode(value, validate=True)


def encode_dead_letter(letter: DeadLetter) -> bytes:
    """The dead letter as it lies in Kafka: it fits its topic, whatever the record was."""
    held = _held(letter, _ROOM)
    told: dict[str, object] = {} if letter.sealed is None else {"sealed_for": letter.sealed_for}
    return orjson.dumps(
        {
            "reason": letter.reason,
            "detail": letter.detail[:_DETAIL],
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "at": instant.render(letter.at),
            "original": held["original"] if letter.sealed is None else {"sealed": str(letter.sealed)},
            "size": letter.size,
            "key": held["key"],
            "headers": held["headers"],
            **told,
        }
    )


def _held(letter: DeadLetter, room: int) -> dict[str, Any]:
    """What a stranger wrote, in `room` bytes of JSON: the original's first 1 MiB, which always fits, then the key, then
    the first headers, each as far as there is room left."""
    original = _base64(None if letter.original is None else letter.original[:LIMIT])
    room -= len(original or "")
    key = _base64(None if letter.key is None else letter.key[:_BESIDE])
    if len(key or "") > room:
        key = None
    room -= len(key or "")
    return {"original": original, "key": key, "headers": _first(letter.headers, min(room, _BESIDE))}


def _first(headers: Sequence[tuple[str, bytes | None]], room: int) -> list[tuple[str, str | None]]:
    """The first headers, as many as `room` bytes of JSON take."""
    kept: list[tuple[str, str | None]] = []
    for name, value in headers[:MOST_HEADERS]:
        header = name.encode("utf-8", "replace").decode(), _base64(value)
        room -= len(orjson.dumps(header)) + 1  # and a comma
        if room < 0:
            break
        kept.append(header)
    return kept


def decode_dead_letter(value: bytes) -> DeadLetter:
    """The inverse of `encode_dead_letter`. Raises ValueError for anything else."""
    document = orjson.loads(value)
    try:
        original, sealed = document["original"], sealed_text(document["original"])
        return DeadLetter(
            document["reason"],
            document["detail"],
            document["topic"],
            document["partition"],
            document["offset"],
            instant.parse(document["at"]),
            None if type(sealed) is Sealed else _bytes(original),
            document["size"],
            _bytes(document["key"]),
            _headers(document["headers"]),
            sealed if type(sealed) is Sealed else None,
            str(document.get("sealed_for", "")),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no dead letter of Recado: {type(error).__name__}") from None

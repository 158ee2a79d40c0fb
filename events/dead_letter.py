"""A record that could not be read or processed, with the reason and the original bytes, so that it can be replayed."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from typing import Final

import orjson

from events import instant
from events.cipher import Cipher
from events.record import Sealed, sealed_text

LIMIT: Final = 1024 * 1024  # bytes of the original that are kept; in base64 they fit the topic's 2 MiB
_BESIDE: Final = 64 * 1024  # bytes of the key, and of the headers, that are kept


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`reason` and `detail` are those of Undecodable; topic, partition and offset say where the record was; `at` is
    when it was given up, ms. The offset -1 is that of a timer on which a decider failed: `original` says what waited,
    and was never a record, so it is not replayed.

    `size` is the length in bytes of the whole original, 0 for a record without a value. `original` holds all of it, but
    of one beyond 1 MiB, which only a compressed batch can carry, the beginning. Of an account whose privacy is `sealed`
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
    written = orjson.loads(encode_dead_letter(letter))
    held = {name: written[name] for name in _HELD}
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


_HELD: Final = ("original", "key", "headers")


def _place(subject: str) -> str:
    return f"dead-letter/{subject}"


def _headers(written: list[tuple[str, str | None]]) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((name, _bytes(held)) for name, held in written)


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
    told: dict[str, object] = {} if letter.sealed is None else {"sealed_for": letter.sealed_for}
    return orjson.dumps(
        {
            "reason": letter.reason,
            "detail": letter.detail,
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "at": instant.render(letter.at),
            "original": _base64(None if original is None else original[:LIMIT])
            if letter.sealed is None
            else {"sealed": str(letter.sealed)},
            "size": letter.size,
            "key": _base64(None if key is None else key[:_BESIDE]),
            "headers": headers,
            **told,
        }
    )


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

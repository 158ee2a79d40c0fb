"""A moment: milliseconds since the epoch, UTC, inside Recado; RFC 3339 in every JSON that leaves or enters it."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
MAXIMUM: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last moment RFC 3339 can write


@lru_cache(maxsize=4096)
def parse(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time with an offset; what is finer than a millisecond is cut off.

    Raises ValueError, which does not repeat the text, for any other form and for times before 1970.
    """
    if len(text) == 24 and text[23] == "Z" and text[19] == "." and (ms := text[20:23]).isascii() and ms.isdigit():
        return _parsed(f"{text[:19]}Z") + int(ms)  # as `render` writes it: the records of a batch share their seconds
    return _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> int:
    if len(text) > 40 or _RFC_3339.fullmatch(text) is None:
        raise ValueError("is not an RFC 3339 time with an offset, such as 2026-11-23T07:00:00Z")
    leap = text[17:19] == "60"
    try:
        moment = datetime.fromisoformat((text[:17] + "59" + text[19:] if leap else text).upper())
    except ValueError:
        raise ValueError("is a date that does not exist") from None
    past = moment - _EPOCH
    ms = past.days * 86_400_000 + past.seconds * 1000 + past.microseconds // 1000 + (1000 if leap else 0)
    if not 0 <= ms <= MAXIMUM:
        raise ValueError("lies outside the years 1970 to 9999")
    return ms


@lru_cache(maxsize=4096)
def render(ms: int) -> str:
    """RFC 3339 in UTC, always with milliseconds and Z: `2026-11-23T07:00:00.123Z`. Raises ValueError out of range."""
    if not 0 <= ms <= MAXIMUM:
        raise ValueError(f"{ms} ms lie outside the years 1970 to 9999")
    seconds, rest = divmod(ms, 1000)
    return f"{_rendered(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=4096)
def _rendered(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"

"""The text of an SMS: its encoding and the parts it takes.

160 septets or 70 UTF-16 units alone, 153 or 67 in each part of a longer text: 3GPP TS 23.038 and 23.040.
"""

import re
import unicodedata
from typing import Final, Literal, NamedTuple

__all__ = ["BASIC", "EXTENSION", "Encoding", "Parts", "blank", "most", "normalize", "parts"]

Encoding = Literal["GSM-7", "UCS-2"]

# Row by row as in the table of 3GPP TS 23.038, 6.2.1; the escape itself (0x1B) is no character.
BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = frozenset("\f^{}\\[~]|€")
"""Characters that take two septets, the escape and a code (3GPP TS 23.038, 6.2.1.1)."""

_CLASS = re.escape("".join(sorted(BASIC)))
_ALL_BASIC: Final = re.compile(f"[{_CLASS}]*")
_ALL_GSM: Final = re.compile(f"[{_CLASS}{re.escape(''.join(sorted(EXTENSION)))}]*")
_EXTENDED: Final = re.compile(f"[{re.escape(''.join(sorted(EXTENSION)))}]")
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")

_MAY_RUN: Final = re.compile("[\u0300-\U0010ffff]{31}")
"""Without it no text has 31 combining marks in a row: no language has (UAX #15, Stream-Safe Text Format)."""
_RUN: Final = re.compile(rb"[^\0]{31,}")
# The only characters that are no marks by their class and come apart into marks.
_TIBETAN: Final = {0x0F73: "\u0f71\u0f72", 0x0F75: "\u0f71\u0f74", 0x0F81: "\u0f71\u0f80"}
_ANY: Final = 160 * 255
"""Characters of 255 parts, and no account allows more (events/account.py, Limits)."""


class Parts(NamedTuple):
    """What a text costs."""

    encoding: Encoding
    parts: int  # short messages; 0 for an empty text
    units: int  # septets (GSM-7) or UTF-16 code units (UCS-2), joined headers not counted
    costly: tuple[str, ...]  # characters that cost more, each once, in order of appearance: see `parts`


def normalize(text: str) -> str:
    """The text as it is sent and counted: Unicode NFC, CRLF as LF."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _ordered(text) if _MAY_RUN.search(text) else text)
    return text.replace("\r\n", "\n") if "\r" in text else text


def _ordered(text: str) -> str:
    """The same text to Unicode, each long run of marks in its canonical order (Unicode, D108, D109).

    `unicodedata` moves each mark of a run to its place one by one: work with the square of the run's length.
    """
    text = text.translate(_TIBETAN)
    pieces, at = [], 0
    for run in _RUN.finditer(bytes(map(unicodedata.combining, text))):
        pieces += [text[at : run.start()], *sorted(text[run.start() : run.end()], key=unicodedata.combining)]
        at = run.end()
    return "".join((*pieces, text[at:]))


_UNSEEN: Final = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf"))


def blank(text: str) -> bool:
    """Is there nothing to see in it: spaces, line ends, characters that only steer others (Unicode's Z, Cc and Cf)?"""
    return all(unicodedata.category(character) in _UNSEEN for character in text)


def most(limit: int) -> int:
    """The most characters that a text may have before it is normalised: with more it is too long for `limit` parts.

    No part holds more than 160 characters, and at most four become one: none comes apart into more than four (UAX #15,
    maximum expansion factors), and CRLF has two. Addresses made short and marks that GSM-7 lacks may leave less than
    that, and so there is always room for as many as the greatest limit allows.
    """
    return max(4 * 160 * limit, _ANY)


def parts(text: str) -> Parts:
    """Count exactly, filling part by part: a pair (escape and code, two surrogates) is never cut.

    `costly` names, for GSM-7, the characters that take two septets; for UCS-2, the characters outside the GSM-7
    tables, that is, those without which the whole text would be GSM-7 at 160 a part instead of 70.
    """
    text = normalize(text)
    if _ALL_BASIC.fullmatch(text):
        return Parts("GSM-7", _flat(len(text), 160, 153), len(text), ())
    if _ALL_GSM.fullmatch(text):
        pairs = [match.start() for match in _EXTENDED.finditer(text)]
        units = len(text) + len(pairs)
        costly = tuple(dict.fromkeys(text[at] for at in pairs))
        return Parts("GSM-7", _packed(units, pairs, 160, 153), units, costly)
    pairs = [match.start() for match in _ASTRAL.finditer(text)]
    units = len(text) + len(pairs)
    costly = tuple(dict.fromkeys(char for char in text if char not in BASIC and char not in EXTENSION))
    return Parts("UCS-2", _packed(units, pairs, 70, 67), units, costly)


def _flat(units: int, alone: int, joined: int) -> int:
    return min(units, 1) if units <= alone else -(-units // joined)


def _packed(units: int, pairs: list[int], alone: int, joined: int) -> int:
    """Parts of a text whose characters at the positions `pairs` take two units that must stay together."""
    if units <= alone or not pairs:
        return _flat(units, alone, joined)
    shift = 0  # units that lie before a character beyond its position: earlier pairs, and units left empty
    for at in pairs:
        if (at + shift) % joined == joined - 1:
            shift += 1  # the pair moves whole to the next part and leaves one unit empty
        shift += 1
    return -(-(units + shift - len(pairs)) // joined)

"""The text of an SMS: its encoding and the parts it takes.

160 septets or 70 UTF-16 units alone, 153 or 67 in each part of a longer text: 3GPP TS 23.038 and 23.040.
"""

import re
import unicodedata
from typing import Final, Literal, NamedTuple

__all__ = ["BASIC", "EXTENSION", "Encoding", "Parts", "normalize", "parts"]

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


class Parts(NamedTuple):
    """What a text costs."""

    encoding: Encoding
    parts: int  # short messages; 0 for an empty text
    units: int  # septets (GSM-7) or UTF-16 code units (UCS-2), joined headers not counted
    costly: tuple[str, ...]  # characters that cost more, each once, in order of appearance: see `parts`


def normalize(text: str) -> str:
    """The text as it is sent and counted: Unicode NFC, CRLF as LF."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.replace("\r\n", "\n") if "\r" in text else text


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

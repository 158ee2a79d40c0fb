"""A text in the characters of GSM-7 alone: what an account asks for that keeps the price of an SMS (`gsm`).

Only what lies outside both tables changes (ñ and é stay), as instasent.md, section 5, lists it; other letters with
accents lose them. What has no counterpart, as an emoji, becomes a question mark, and is told.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from projections.text import BASIC, EXTENSION, normalize

__all__ = ["Gsm", "gsm", "refusal"]

_UNKNOWN: Final = "?"
_OUTSIDE: Final = re.compile(f"[^{re.escape(''.join(sorted(BASIC | EXTENSION)))}]")
# Beside letters that Unicode itself takes apart into a base and its accents.
_LISTED: Final = {
    **dict.fromkeys("«»“”„‟″", '"'),
    **dict.fromkeys("‘’‚‛′‹›`´", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "ª": "a", "º": "o", "·": ".", "…": "...", "\t": " ",
    "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ẞ": "ß",
    "\u2028": "\n", "\u2029": "\n",
}  # fmt: skip
# Spaces of any width; accents that did not join a letter, and marks that nobody sees.
_SPACE: Final = "Zs"
_UNSEEN: Final = frozenset(("Mn", "Me", "Cf"))


class Gsm(NamedTuple):
    """A text in GSM-7."""

    text: str  # normalised: as it is sent and counted
    changed: dict[str, str]  # characters that were exchanged, and for what, in order of appearance
    unmapped: tuple[str, ...]  # those among them without a counterpart, which became question marks


def gsm(text: str) -> Gsm:
    """Exchange what lies outside both tables of GSM-7, and nothing else."""
    text = normalize(text)
    if text.isascii() and not _OUTSIDE.search(text):
        return Gsm(text, {}, ())
    found = dict.fromkeys(_OUTSIDE.findall(text))
    changed = {char: _UNKNOWN if (other := _counterpart(char)) is None else other for char in found}
    unmapped = tuple(char for char in found if _counterpart(char) is None)
    return Gsm(_OUTSIDE.sub(lambda match: changed[match[0]], text), changed, unmapped)


def refusal(literals: str) -> str | None:
    """What in an author's own words has no counterpart, as a part of a sentence; None where all has one."""
    unmapped = gsm(literals).unmapped
    if not unmapped:
        return None
    named = ", ".join(f"U+{ord(char):04X} {unicodedata.name(char, 'unnamed').lower()}" for char in unmapped[:3])
    return f"{named}{' and more' if len(unmapped) > 3 else ''}, which GSM-7 cannot write"


@lru_cache(maxsize=4096)
def _counterpart(char: str) -> str | None:
    """One character that lies outside both tables in characters of theirs; None where there are none."""
    listed = _LISTED.get(char)
    if listed is not None:
        return listed
    category = unicodedata.category(char)
    if category == _SPACE:
        return " "
    if category in _UNSEEN:
        return ""
    base = "".join(part for part in unicodedata.normalize("NFD", char) if unicodedata.category(part) != "Mn")
    base = _LISTED.get(base, base)  # ǿ: an accent on a letter of the list
    return base if base and _OUTSIDE.search(base) is None else None

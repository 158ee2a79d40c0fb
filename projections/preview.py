"""What the author of a template is shown when it is saved: its variables, and what the SMS will cost.

A text with places has no length of its own, so it is counted as filled with each variable's default, else with a value
of its type that is as long as such values are (`SAMPLES`), written in the account's manner. An estimate, and said so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from events.account import Variable
from events.shape import Scalar
from projections import template, text, transliteration, wording
from projections.account import Account
from projections.text import Parts

__all__ = ["SAMPLES", "Place", "Preview", "for_account", "preview", "usable"]

SAMPLES: Final[Mapping[wording.Kind, Scalar]] = {
    "text": "Maria Garcia",
    "number": 123456,
    "date": "2026-11-25",
    "currency": 123.45,
    "percentage": 15,
}
_LINK: Final = "https://sms.example.com/u/0123456789abcdef"  # an opt-out link has 16 characters behind its address


class Place(NamedTuple):
    """A variable: how often the text names it (0: declared and not used), and how its example is written."""

    id: str
    name: str
    type: wording.Kind
    default: Scalar
    times: int
    example: str


class Preview(NamedTuple):
    """`filled` is the text with the examples in its places, `counted` what that takes; `blank` what it takes with every
    place empty: the least there can be. `costly` are characters of the text itself that cost more."""

    places: tuple[Place, ...]
    filled: str
    counted: Parts
    blank: Parts
    costly: tuple[str, ...]
    hints: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """What `recado template set --json` and the API show."""
        return {
            "variables": [place._asdict() for place in self.places],
            "example": self.filled,
            "encoding": self.counted.encoding,
            "parts": self.counted.parts,
            "units": self.counted.units,
            "parts_without_values": self.blank.parts,
            "costly": list(self.costly),
            "hints": list(self.hints),
        }


class Placed(NamedTuple):
    """A text that an account could use, and the examples for its places."""

    compiled: template.Template
    places: tuple[Place, ...]
    examples: Mapping[str, Scalar]


def for_account(account: Account, written: str, variables: Sequence[Variable]) -> Preview:
    """What to show of a text with its variables in this account. Raises Broken as `preview`."""
    return preview(written, variables, account.manner, account.limits.parts, plain=_plain(account))


def usable(account: Account, written: str, variables: Sequence[Variable]) -> None:
    """Raises Broken where `preview` does, and fills and counts nothing: each template costs as much as it is long."""
    _placed(written, variables, account.manner, account.limits.parts, plain=_plain(account))


def preview(
    written: str, variables: Sequence[Variable], manner: wording.Manner, limit: int = 10, *, plain: bool = False
) -> Preview:
    """What to show of a text with its variables; `limit` are the parts that the account allows, `plain` says that it
    sends in GSM-7 alone (transliterate). Raises Broken, also for what GSM-7 alone could never write, and for what its
    examples make longer than any SMS."""
    compiled, places, examples = _placed(written, variables, manner, limit, plain=plain)
    pieces = template.fill(compiled, dict(examples), {}, manner, _LINK)
    whole = ("".join(pieces), "".join(compiled.pieces[::2]))
    filled, literal = (transliteration.gsm(of).text if plain else text.normalize(of) for of in whole)
    counted, blank = text.parts(filled), text.parts(literal)
    return Preview(places, filled, counted, blank, blank.costly, tuple(_hints(places, counted, blank, literal, limit)))


def _plain(account: Account) -> bool:
    return account.text.transliterate == "gsm"


def _placed(written: str, variables: Sequence[Variable], manner: wording.Manner, limit: int, *, plain: bool) -> Placed:
    compiled = template.compile_text(written, variables)
    refused = transliteration.refusal("".join(compiled.pieces[::2])) if plain else None
    if refused is not None:
        raise template.Broken(f"the text holds {refused}, and the account sends in GSM-7 only (text.transliterate)")
    named = Counter(compiled.pieces[1::2])
    examples: dict[str, Scalar] = {
        variable.id: SAMPLES[variable.type] if variable.default in (None, "") else variable.default
        for variable in variables
    }
    places = tuple(
        Place(
            variable.id, variable.name, variable.type, variable.default, named[variable.id],
            wording.write(examples[variable.id], variable.type, manner),
        )
        for variable in variables
    )  # fmt: skip
    given = sum(place.times * len(place.example) for place in places) + named[template.UNSUBSCRIBE] * len(_LINK)
    characters = sum(map(len, compiled.pieces[::2])) + given
    if characters > text.most(limit):
        held = f"and an SMS of {_parts(limit)} never has more than {text.most(limit)}: shorten the text or its defaults"
        raise template.Broken(f"the text has {characters} characters with the variables' examples, {held}")
    return Placed(compiled, places, examples)


def _hints(places: Sequence[Place], counted: Parts, blank: Parts, literal: str, limit: int) -> list[str]:
    """What makes the SMS dearer than it must be, a sentence each."""
    hints = []
    if blank.encoding == "UCS-2":
        costly = frozenset(blank.costly)  # they may be ten thousand, each another one
        plain = text.parts("".join(char for char in literal if char not in costly))
        hints.append(
            f"{_quoted(blank.costly)} make the whole text UCS-2, 70 characters a part instead of 160: without them the "
            f"text itself takes {_parts(max(plain.parts, 1))} instead of {_parts(blank.parts)}"
        )
    elif blank.costly:
        hints.append(f"{_quoted(blank.costly)} take two characters each")
    dear = [place.id for place in places if place.times and text.parts(place.example).encoding == "UCS-2"]
    if dear and counted.encoding != blank.encoding:
        hints.append(f"the default of {', '.join(dear)} makes the whole text UCS-2, 70 characters a part")
    unused = [place.id for place in places if not place.times]
    if unused:
        hints.append(f"declared, and not in the text: {', '.join(unused)}")
    if counted.parts > limit:
        hints.append(f"the account allows {_parts(limit)}: such an SMS would be skipped as text_too_long")
    return hints


def _quoted(characters: Sequence[str]) -> str:
    shown = " ".join(char if char.isprintable() else f"U+{ord(char):04X}" for char in characters[:12])
    return shown if len(characters) <= 12 else f"{shown} and {len(characters) - 12} more"


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"

"""Texts with places to fill: `{{identifier}}` in the text, typed variables, values of a request or of a contact.

Identifiers are letters, digits, - and _ [Connectif > Variables]. Formats are those of projections/wording.py.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from events.account import Variable
from events.shape import Scalar
from events.variables import FieldRef
from projections import wording

__all__ = ["UNSUBSCRIBE", "Broken", "Invalid", "Template", "compile_text", "fill", "identifiers", "where"]

UNSUBSCRIBE: Final = "unsubscribe"
"""`{{unsubscribe}}` is the contact's opt-out link: it needs no declaration, and no value can take its place."""

_PLACE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_-]{1,64})\s*\}\}")


class Broken(Exception):
    """The text or its variables cannot be used; the message tells its author what to mend, and holds no value, nor
    any words of a text that is no saved template's: it goes into facts, and those may be a person's."""


class Invalid(Exception):
    """A variable's value does not fit its type; the message names variable and type, never the value."""


class Template(NamedTuple):
    """A text taken apart: literal, identifier, literal, identifier, ..., literal."""

    pieces: tuple[str, ...]
    variables: Mapping[str, Variable]


@lru_cache(maxsize=1024)
def _pieces(text: str, quoted: bool) -> tuple[str, ...]:
    """`quoted`: whether the fault may be shown, or only its place be told."""
    at = 0
    for place in (*_PLACE.finditer(text), None):
        end = len(text) if place is None else place.start()
        strays = [stray for stray in (text.find("{{", at, end), text.find("}}", at, end)) if stray >= 0]
        if strays:
            stray = min(strays)
            what = repr(text[stray : stray + 24]) if quoted else "what stands"
            raise Broken(
                f"a variable is written {{{{identifier}}}}, of letters, digits, - and _: "
                f"{what} {where(text, stray)} is not; check its braces"
            )
        at = end if place is None else place.end()
    return tuple(_PLACE.split(text))


def where(text: str, at: int) -> str:
    """A place in a text as its author's editor counts: lines and characters from 1."""
    line = text.count("\n", 0, at) + 1
    return f"in line {line}, character {at - text.rfind(chr(10), 0, at)},"


def identifiers(text: str) -> tuple[str, ...]:
    """The identifiers that a text names, each once, in order. Raises Broken."""
    return tuple(dict.fromkeys(_pieces(text, True)[1::2]))


def compile_text(text: str, variables: Sequence[Variable] | None = None) -> Template:
    """Take a text apart. With `variables` (a saved template's) each identifier must be one of them.

    Raises Broken naming the first that is not, or the default that does not fit its type.
    """
    pieces = _pieces(text, variables is not None)
    if variables is None:
        return Template(pieces, {})
    known = {variable.id: variable for variable in variables}
    for place in _PLACE.finditer(text):
        identifier = place[1]
        if identifier not in known and identifier != UNSUBSCRIBE:
            declared = ", ".join(known) or "none"
            raise Broken(
                f"the text names {{{{{identifier}}}}} {where(text, place.start())} and no variable has the id "
                f"{identifier!r}: declare it, or name one that is declared ({declared})"
            )
    for variable in variables:
        if variable.default is not None:
            try:
                wording.write(variable.default, variable.type, wording.PLAIN)
            except ValueError as error:
                raise Broken(f"the default of variable {variable.id!r} {error}") from None
    return Template(pieces, known)


def fill(
    template: Template,
    values: Mapping[str, Scalar | FieldRef],
    fields: Mapping[str, Scalar],
    manner: wording.Manner,
    link: str = "",
) -> Sequence[str]:
    """The text with every place filled: the value, else the variable's default, else blank. `link` is the opt-out's.

    In pieces: literal, value, literal, value, ..., literal, for a long value in many places makes far more than was
    sent: add up their lengths before joining them (text.most). A value is filled in as it is: braces in it mean
    nothing. Raises Invalid where a value does not fit its type.
    """
    pieces = template.pieces
    if len(pieces) == 1:
        return pieces
    filled = list(pieces)
    variables = template.variables
    for at in range(1, len(filled), 2):
        identifier = pieces[at]
        if identifier == UNSUBSCRIBE:
            filled[at] = link
            continue
        variable = variables.get(identifier)
        value = values.get(identifier)
        if isinstance(value, FieldRef):
            value = fields.get(value.field)
        if (value is None or value == "") and variable is not None:
            value = variable.default
        if value is None or value == "":
            filled[at] = ""
            continue
        kind = variable.type if variable is not None else "text"
        try:
            filled[at] = wording.write(value, kind, manner)
        except ValueError as error:
            raise Invalid(f"variable {identifier!r} {error}") from None
    return filled

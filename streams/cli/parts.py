"""`recado parts`: what a text costs, before it is sent."""

from __future__ import annotations

import sys
import unicodedata

import click

from streams.cli.printing import as_json, emit, pairs, visible


@click.command()
@click.argument("text")
@as_json
def parts(text: str, as_json: bool) -> None:
    """Count the parts of an SMS, name the characters that cost more, and show both choices of text.transliterate: as
    written (keep), and in GSM-7 alone (gsm). `-` reads the text from standard input.

    \b
    Example:  recado parts "Tu pedido llegará mañana"
    """
    from projections import text as sms
    from projections.transliteration import gsm

    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    found, plain = sms.parts(text), gsm(text)
    cheaper = sms.parts(plain.text)
    if as_json:
        emit(
            {
                "encoding": found.encoding, "parts": found.parts, "units": found.units, "costly": list(found.costly),
                "gsm": {
                    "parts": cheaper.parts, "units": cheaper.units, "text": plain.text, "changed": plain.changed,
                    "unmapped": list(plain.unmapped),
                },
            }
        )  # fmt: skip
        return
    unit = "septets" if found.encoding == "GSM-7" else "UTF-16 units"
    pairs({"encoding": found.encoding, "parts": found.parts, unit: found.units})
    why = "takes two septets" if found.encoding == "GSM-7" else "is not in GSM-7: the whole text becomes UCS-2"
    for character in found.costly:
        click.echo(f"  {_shown(character)}  {_name(character)} {why}")
    if not plain.changed:
        return
    count = "1 part" if cheaper.parts == 1 else f"{cheaper.parts} parts"
    pairs({"with transliterate gsm": f"{count}, {cheaper.units} septets", "text": visible(plain.text)})
    for character in plain.unmapped:
        click.echo(f"  {_shown(character)}  {_name(character)} has no counterpart: refused in a template, ? in a value")


def _shown(character: str) -> str:
    return character if character.isprintable() else " "


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed').lower()}"

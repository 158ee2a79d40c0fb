"""`recado parts`: what a text costs, before it is sent."""

from __future__ import annotations

import sys
import unicodedata

import click

from streams.cli.printing import as_json, emit, pairs


@click.command()
@click.argument("text")
@as_json
def parts(text: str, as_json: bool) -> None:
    """Count the parts of an SMS, and name the characters that cost more. `-` reads the text from standard input.

    \b
    Example:  recado parts "Tu pedido llega mañana"
    """
    from projections import text as sms

    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    found = sms.parts(text)
    if as_json:
        emit({"encoding": found.encoding, "parts": found.parts, "units": found.units, "costly": list(found.costly)})
        return
    unit = "septets" if found.encoding == "GSM-7" else "UTF-16 units"
    pairs({"encoding": found.encoding, "parts": found.parts, unit: found.units})
    why = "takes two septets" if found.encoding == "GSM-7" else "is not in GSM-7: the whole text becomes UCS-2"
    for character in found.costly:
        click.echo(f"  {character if character.isprintable() else ' '}  {_name(character)} {why}")


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed').lower()}"

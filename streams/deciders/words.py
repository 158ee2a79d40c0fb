"""The words of an SMS: its text with the variables filled, as the account wants it written, if it may go like that."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from events import opt_out
from projections import contact, short_link, template, text, transliteration
from projections.account import Account, SavedTemplate
from streams.deciders.eligibility import No
from streams.deciders.request import Asked, Place

__all__ = ["Words", "fill"]


class Words(NamedTuple):
    """What would be handed over."""

    text: str
    encoding: text.Encoding
    parts: int
    unsubscribe: str | None  # the code of the opt-out link in it
    links: Mapping[str, str] = {}  # what its short links stand for


def fill(
    asked: Asked, saved: SavedTemplate | None, owner: contact.State, account: Account, looked_at: dict[str, Any],
    place: Place,
) -> Words | No:  # fmt: skip
    """The text with its variables filled, if it may go. An alert has no opt-out link: its reader is another person."""
    data = asked.data
    if data.template is not None:
        if saved is None:
            looked_at["template_version"] = None
            return No("template_unknown", "the account has no template of this name")
        looked_at["template_version"] = saved.version
        if saved.compiled is None:
            return No("template_unknown", f"version {saved.version} of the template cannot be used: {saved.problem}")
        compiled = saved.compiled
    else:
        try:
            compiled = template.compile_text(data.text or "")
        except template.Broken as broken:
            return No("variable_invalid", str(broken))
    unused = data.variables.keys() - compiled.pieces[1::2]
    if unused:  # a name spelt in two ways leaves a gap in the text, and nobody else would notice
        looked_at["unused_variables"] = sorted(unused)
    code, link = None, ""
    if data.to == "contact" and template.UNSUBSCRIBE in compiled.pieces[1::2]:
        code = opt_out.make(place.links.key, place.partition, asked.subject)
        link = f"{f'https://{account.link_domain}' if account.link_domain else place.links.base}/u/{code}"
    try:
        pieces = template.fill(compiled, data.variables, owner.fields, account.manner, link)
    except template.Invalid as invalid:
        return No("variable_invalid", str(invalid))
    limit, characters = account.limits.parts, sum(map(len, pieces))
    if characters > text.most(limit):  # before anything else is done with it: every byte is hostile
        looked_at |= {"parts_limit": limit, "characters": characters}
        told = f"the text takes more than {limit} parts, and the account allows {limit}"
        return No("text_too_long", f"{told}: it has {characters} characters")
    if account.text.transliterate == "gsm":
        looked_at["transliterate"] = "gsm"
        refused = _unwritable(data.text, compiled.pieces[::2])
        if refused is not None:
            detail = f"{refused}, and the account sends in GSM-7 only (transliterate)"
            return No("variable_invalid" if data.template is None else "template_unknown", detail)
        pieces = _plain(pieces, compiled.pieces[1::2], looked_at)
    filled = text.normalize("".join(pieces))
    links: Mapping[str, str] = {}
    # A sealed account's addresses stay as they are: what a code stands for has to be readable to whoever opens it.
    if account.link_domain and account.privacy != "sealed":
        base = f"https://{account.link_domain}"
        filled, links = short_link.shorten(filled, place.links.key, asked.hashed, base, link)
    if text.blank(filled):
        return No("text_empty", "nothing is left of the text once its variables are filled")
    looked_at["parts_limit"] = limit
    # No part holds more than 160 characters: what is longer in any case is not counted out (every byte is hostile).
    counted = text.parts(filled) if len(filled) <= 160 * limit else None
    if counted is None or counted.parts > limit:
        looked_at |= {"parts": counted.parts} if counted else {"characters": len(filled)}
        much = counted.parts if counted else f"more than {limit}"
        return No("text_too_long", f"the text takes {much} parts, and the account allows {limit}")
    return Words(filled, counted.encoding, counted.parts, code, links)


def _unwritable(own: str | None, literals: Sequence[str]) -> str | None:
    """What of the author's words GSM-7 cannot write; None where it can. Of a request's `own` text only where that is:
    three characters are a whole name in some languages, and details are never sealed."""
    if own is None:
        refused = transliteration.refusal("".join(literals))
        return None if refused is None else f"the text holds {refused}"
    unmapped = transliteration.gsm(" ".join(literals)).unmapped
    if not unmapped:
        return None
    written = text.normalize(own)
    at = template.where(written, max(0, written.find(unmapped[0])))
    return f"what stands {at} is no character that GSM-7 can write"


def _plain(pieces: Sequence[str], identifiers: Sequence[str], looked_at: dict[str, Any]) -> list[str]:
    """The pieces in GSM-7. What a value holds without a counterpart is a question mark, and the variable is noted:
    instasent.md, section 5."""
    plain = [transliteration.gsm(piece) for piece in pieces]
    marred = [name for name, value in zip(identifiers, plain[1::2], strict=True) if value.unmapped]
    if marred:
        looked_at["question_marks_in"] = list(dict.fromkeys(marred))
    return [piece.text for piece in plain]

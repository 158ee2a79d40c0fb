"""How a refusal is told to a person: the field and the rule, and never a phone, a text or a custom field's value."""

import re
from typing import Any, Final

from pydantic import ValidationError

from events import envelope
from events.envelope import Undecodable

_TECHNICAL: Final = re.compile(
    r"[A-Za-z][A-Za-z._-]{0,63}(?:\.v[0-9]{1,4})?"  # a type, a class, a word of a list
    r"|[0-9]{4}-[0-9]{2}[0-9T:.Z+-]{1,32}"  # a time that is none
)
_WORDS: Final = frozenset({"via", "provider", "outcome", "reason", "privacy", "default_subscription"})
_REQUIRED: Final = {
    "specversion": 3,
    "id": envelope.ID_CHARACTERS,
    "source": envelope.SOURCE_CHARACTERS,
    "type": envelope.TYPE_CHARACTERS,
    "subject": envelope.LIMIT,
    "time": envelope.LIMIT,
    "data": 0,
}
_SHOWN: Final = 64  # characters of a name that a stranger chose


def shown(value: object) -> str:
    """A short technical word, quoted; of anything else, only that it is not shown."""
    if isinstance(value, str) and _TECHNICAL.fullmatch(value) is not None:
        return repr(value)
    return "(not shown)"


def of_envelope(document: dict[str, Any]) -> Undecodable:
    """The first attribute of a JSON object that breaks a rule of the envelope; called only where one does."""
    missing = [name for name in _REQUIRED if document.get(name) is None]
    if missing:
        return Undecodable("envelope", f"required and missing: {', '.join(missing)}")
    if document["specversion"] != "1.0":
        return Undecodable("envelope", 'specversion must be the text "1.0": CloudEvents 1.0')
    for name, limit in _REQUIRED.items():
        value = document[name]
        if name in ("specversion", "data"):
            continue
        if type(value) is not str or not 0 < len(value) <= limit:
            return Undecodable("envelope", f"{name} must be a text of 1 to {limit} characters")
        if name in ("id", "source") and not value.isprintable():
            return Undecodable("envelope", f"{name} may hold printable characters only")
    raise AssertionError("the envelope was refused for no reason")


def explain(error: ValidationError) -> str:
    """The first of pydantic's findings as a sentence, with the number of the others."""
    findings = error.errors(include_url=False, include_context=False)
    first = findings[0]
    path = ".".join(_step(step) for step in ("data", *steps(first["loc"])))
    told = "unknown field" if first["type"] == "extra_forbidden" else first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "literal_error" and first["loc"] and first["loc"][-1] in _WORDS:
        told += f", not {shown(first['input'])}"
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{path}: {told}{more}"


def steps(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where a finding lies, as the document names it: pydantic adds which of its two forms `to` was read as."""
    return (loc[0], *loc[2:]) if loc[:1] == ("to",) else loc


def _step(step: str | int) -> str:
    text = str(step)
    if len(text) <= _SHOWN and text.isprintable():
        return text
    return text[:_SHOWN].encode("unicode_escape").decode("ascii") + "…"

"""What stays of a fact when its contact is erased: that it happened, when and why, but not with what number or text."""

from dataclasses import fields, replace
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

from events.fact import Fact


def redacted(fact: Fact) -> Fact:
    """The fact without its personal values: what its class marks so becomes null, or empty where null may not be."""
    of: Any = type(fact.data)
    blanks = _blanks(of)
    return fact._replace(data=replace(fact.data, **blanks)) if blanks else fact


@cache
def _blanks(of: Any) -> dict[str, Any]:
    hints = get_type_hints(of)
    return {field.name: _blank(hints[field.name]) for field in fields(of) if field.metadata.get("personal")}


def _blank(annotation: Any) -> Any:
    if NoneType in get_args(annotation):
        return None
    return "" if annotation is str else {}  # the others are mappings

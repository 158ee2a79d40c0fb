"""How the calls ended by which messages were handed over together, as their answers tell. Pure."""

from collections.abc import Sequence
from itertools import groupby

from connectors.carriers.base import Answer, Refused, Unknown
from streams.circuit import End

__all__ = ["end", "made_as"]


def made_as(answers: Sequence[Answer], *, joint: bool) -> list[Sequence[Answer]]:
    """Answers by the calls that they came to. `joint`: one takes several SMS, and its answers have its headers."""
    if not joint:
        return [[answer] for answer in answers]
    return [list(call) for _, call in groupby(answers, lambda answer: (_withheld(answer), answer.rate))]


def _withheld(answer: Answer) -> bool:
    return isinstance(answer, Refused) and answer.scope == "withheld"


def end(call: Sequence[Answer]) -> End | None:
    """How a call ended; None: it was not made. Whatever the provider takes or refuses of it shows that it is well."""
    if all(_withheld(answer) for answer in call):
        return None
    if any(answer.account if isinstance(answer, Unknown) else _faults(answer, "account") for answer in call):
        return "account"
    if all(isinstance(answer, Unknown) or _faults(answer, "connection") for answer in call):
        return "failure"
    return "request" if all(isinstance(answer, Unknown) or _faults(answer, "request") for answer in call) else "well"


def _faults(answer: Answer, scope: str) -> bool:
    return isinstance(answer, Refused) and answer.scope == scope

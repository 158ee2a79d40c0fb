"""The types of event that Recado reads: in which topics, of whom, by which model."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from events import envelope, topics
from events.envelope import InputData, Undecodable
from events.refusal import shown
from events.topics import Role


@dataclass(frozen=True, slots=True)
class Inbound:
    """One type. `validate` makes its data of the dict that JSON was read into; `roles` are where it belongs."""

    validate: Callable[..., InputData]
    roles: frozenset[Role]
    of_account: bool  # the subject is an account alone
    internal: bool  # only Recado writes it


def _of(model: type[InputData]) -> Inbound:
    holders = [topic for topic in topics.CATALOGUE if model.TYPE in topic.types and topic.role is not Role.JOURNAL]
    validate: Callable[..., InputData] = model.__pydantic_validator__.validate_python
    roles = frozenset(topic.role for topic in holders)
    return Inbound(validate, roles, holders[0].key == "account", holders[0].internal)


INBOUND: Final[Mapping[str, Inbound]] = {model.TYPE: _of(model) for model in envelope.INPUTS}

_VERSION: Final = re.compile(r"(.+)\.v[0-9]+")


def refuse_type(type_: str, role: Role, inbound: Inbound | None) -> NoReturn:
    """Raise Undecodable for a type that is not read from this topic; `inbound` is what it is elsewhere."""
    if inbound is not None:
        fitting = " and ".join(sorted(inbound.roles))
        raise Undecodable("topic", f"the type {type_} belongs in {fitting}, not in {role}")
    named = _VERSION.fullmatch(type_)
    read = [known for known in INBOUND if named is not None and known.rpartition(".v")[0] == named[1]]
    if read:
        raise Undecodable("type_unknown", f"type {shown(type_)}: of this type Recado reads {', '.join(read)} only")
    types = ", ".join(name for name, known in INBOUND.items() if not known.internal)
    raise Undecodable("type_unknown", f"type {shown(type_)} is not one that Recado reads: {types}")

"""Which events a stranger may publish through Recado, by file or over HTTP, and into which topic."""

from collections.abc import Callable
from typing import NamedTuple

from connectors.tokens import Unusable
from events.account import AccountConfigured, TemplateSaved
from events.codec import decode_unrouted, encode_input
from events.envelope import Input, Undecodable
from events.shape import Class
from events.topics import Role
from projections.template import Broken, compile_text

Sealer = Callable[[str, AccountConfigured], AccountConfigured]
"""An account's settings with every plain token sealed; see tokens.sealed, whose Unusable it may raise."""


class Admitted(NamedTuple):
    """The topic of an event, the event, and its bytes as they may be written."""

    role: Role
    event: Input
    value: bytes


def admit(value: bytes, class_: Class | None = None, sealer: Sealer | None = None) -> Admitted:
    """An event judged as the engine would judge it. `class_` is the class of the sends that name none. Its bytes stay
    as they are, but for an account's plain token: `sealer` seals it. Raises Undecodable: as `decode_unrouted`, and
    `schema` for a token that cannot be sealed, and for a template that could not be used: on Kafka it makes a version
    that says so, and here its author is still there to mend it."""
    role, event = decode_unrouted(value, class_)
    if isinstance(event.data, AccountConfigured) and _plain_token(event.data):
        if sealer is None:
            rule = "holds a plain token, which may not be written to Kafka: use `recado account set --token-file`"
            raise Undecodable("schema", f"data.connector.token: {rule}")
        try:
            event = event._replace(data=sealer(event.account, event.data))
        except Unusable as error:
            raise Undecodable("schema", f"data.{error}") from None
        return Admitted(role, event, encode_input(event))
    if isinstance(event.data, TemplateSaved):
        try:
            compile_text(event.data.text, event.data.variables)
        except Broken as broken:
            raise Undecodable("schema", f"data.text: {broken}") from None
    return Admitted(role, event, value)


def _plain_token(settings: AccountConfigured) -> bool:
    return any(c is not None and c.sealed_token is None for c in (settings.connector, settings.fallback))

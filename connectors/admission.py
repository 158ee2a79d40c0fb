"""Which events a stranger may publish through Recado, by file or over HTTP, and into which topic."""

from events.account import AccountConfigured, TemplateSaved
from events.codec import decode_unrouted
from events.envelope import Input, Undecodable
from events.shape import Class
from events.topics import Role
from projections.template import Broken, compile_text


def admit(value: bytes, class_: Class | None = None) -> tuple[Role, Input]:
    """The topic of an event and the event, judged as the engine would judge it. `class_` is the class of the sends that
    name none. Raises Undecodable: as `decode_unrouted`, and `schema` for a token that is not sealed and for a template
    that could not be used: on Kafka it makes a version that says so, and here its author is still there to mend it."""
    role, event = decode_unrouted(value, class_)
    if isinstance(event.data, AccountConfigured) and _plain_token(event.data):
        rule = "holds a plain token, which may not be written to Kafka: use `recado account set --token-file`"
        raise Undecodable("schema", f"data.connector.token: {rule}")
    if isinstance(event.data, TemplateSaved):
        try:
            compile_text(event.data.text, event.data.variables)
        except Broken as broken:
            raise Undecodable("schema", f"data.text: {broken}") from None
    return role, event


def _plain_token(settings: AccountConfigured) -> bool:
    return any(c is not None and c.sealed_token is None for c in (settings.connector, settings.fallback))

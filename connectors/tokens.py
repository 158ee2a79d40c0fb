"""The providers' tokens of an account: sealed before they are written, for whoever takes a person's settings."""

import re
from typing import Final, NamedTuple

from pydantic import SecretStr

from connectors.sealing import Unsealable, seal, unseal
from events.account import AccountConfigured, Connector

PURPOSE: Final = "provider-token"
"""What a sealed token is for; part of the seal."""

CONNECTORS: Final = ("connector", "fallback")
RULE: Final = "must be printable ASCII characters without spaces, as Instasent shows it"
TWILIO_RULE: Final = "must be Twilio's account SID and auth token, AC...:token, or with an API key AC...:SK...:secret"
SEALED_RULE: Final = (
    "is sealed, and cannot be opened: by another RECADO_SECRET, for another account, or altered since; give the token "
    "itself"
)
_TWILIO: Final = re.compile(r"(AC[0-9a-fA-F]{32}):(?:(SK[0-9a-fA-F]{32}):)?([\x21-\x39\x3b-\x7e]{1,256})")


class Unusable(Exception):
    """No provider can use this token; `field` says which, `rule` what it has to be. It holds no token."""

    def __init__(self, field: str, rule: str = RULE) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class TwilioAccess(NamedTuple):
    """Whose messages, and who asks with what password."""

    account_sid: str
    user: str
    password: str


def twilio_access(token: str) -> TwilioAccess | None:
    """What a connector's token says; None for what is none: see TWILIO_RULE."""
    match = _TWILIO.fullmatch(token)
    return None if match is None else TwilioAccess(match[1], match[2] or match[1], match[3])


def is_token(text: str) -> bool:
    """Whether an HTTP header can carry it."""
    return bool(text) and all(33 <= ord(c) <= 126 for c in text)


def sealed(secret: bytes, account: str, data: AccountConfigured) -> AccountConfigured:
    """The settings with every plain token sealed under `secret` (RECADO_SECRET). Raises Unusable."""
    changes: dict[str, Connector] = {}
    for name in CONNECTORS:
        connector: Connector | None = getattr(data, name)
        if connector is not None and isinstance(connector.token, SecretStr):
            plain = connector.token.get_secret_value()
            if not is_token(plain):
                raise Unusable(f"{name}.token")
            if connector.provider == "twilio" and twilio_access(plain) is None:
                raise Unusable(f"{name}.token", TWILIO_RULE)
            changes[name] = connector.sealed(seal(secret, PURPOSE, account, plain))
    return data.model_copy(update=changes)


def check_sealed(secret: bytes, account: str, data: AccountConfigured) -> None:
    """Raises Unusable where a token was sealed before and cannot be opened: it would take the place of one that can."""
    for name in CONNECTORS:
        connector: Connector | None = getattr(data, name)
        if connector is not None and connector.sealed_token is not None:
            try:
                unseal(secret, PURPOSE, account, connector.sealed_token)
            except Unsealable:
                raise Unusable(f"{name}.token", SEALED_RULE) from None

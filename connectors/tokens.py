"""The providers' tokens of an account: sealed before they are written, for whoever takes a person's settings."""

from typing import Final

from pydantic import SecretStr

from connectors.sealing import seal
from events.account import AccountConfigured, Connector

PURPOSE: Final = "provider-token"
"""What a sealed token is for; part of the seal."""

CONNECTORS: Final = ("connector", "fallback")
RULE: Final = "must be printable ASCII characters without spaces, as Instasent shows it"


class Unusable(Exception):
    """No HTTP header can carry this token; `field` says which. Holds nothing of it."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: {RULE}")
        self.field = field


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
            changes[name] = connector.sealed(seal(secret, PURPOSE, account, plain))
    return data.model_copy(update=changes)

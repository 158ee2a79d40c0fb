"""The provider of each account: its connector's carrier, made from the settings as they are at the call."""

import logging

from connectors import sealing, tokens
from connectors.carriers.base import Answer, Carrier, Refused
from connectors.carriers.connections import Connections
from connectors.carriers.instasent import Instasent
from events.account import Connector
from projections.account import Directory
from projections.send import Call

log = logging.getLogger(__name__)

UNUSABLE = Refused(status=None, message="the account's connector cannot be used", final=False, scope="account")


class AccountProvider:
    """ports.Provider over the accounts' connectors; carriers are kept while their connector stays the same."""

    def __init__(self, directory: Directory, secret: bytes, connections: Connections) -> None:
        self._directory = directory
        self._secret = secret
        self._connections = connections
        self._carriers: dict[str, tuple[Connector, Carrier]] = {}

    async def send(self, call: Call) -> Answer:
        """One call. A connector that was taken away or cannot be unsealed since the decision: refused, not final."""
        carrier = self._carrier(call.account)
        if carrier is None:
            return UNUSABLE
        return await carrier.send(call, allow_unicode=call.encoding == "UCS-2")

    def _carrier(self, name: str) -> Carrier | None:
        account = self._directory.account(name)
        connector = account.connector if account is not None else None
        if connector is None or connector.sealed_token is None:
            return None
        known = self._carriers.get(name)
        if known is not None and known[0] is connector:
            return known[1]
        try:
            token = sealing.unseal(self._secret, tokens.PURPOSE, name, connector.sealed_token)
            carrier = Instasent(self._connections, token, connector.base_url)
        except (ValueError, sealing.Unsealable) as exc:
            log.error("account %s: its connector cannot be used: %s", name, exc)
            return None
        self._carriers[name] = (connector, carrier)
        return carrier

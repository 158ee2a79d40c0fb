"""The provider of each account: its connector's carrier, made from the settings as they are at the call."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from connectors import sealing, tokens
from connectors.carriers.base import Answer, BulkCarrier, Carrier, NotListed, Page, Refused
from connectors.carriers.connections import Connections
from connectors.carriers.instasent import Instasent
from connectors.carriers.twilio import Twilio
from connectors.credentials import callback_secret
from events.account import Connector
from events.callback import Provider
from events.shape import Class
from projections.account import Directory
from projections.send import Call

log = logging.getLogger(__name__)

UNASKABLE = NotListed("the account's connector cannot be used, or is another provider's now", scope="account")
UNUSABLE = Refused(status=None, message="the account's connector cannot be used", final=False, scope="account")


class AccountProvider:
    """ports.Provider and ports.Lists over the accounts' connectors; carriers are kept while their connector stays the
    same."""

    def __init__(
        self, directory: Directory, secret: bytes, connections: Mapping[Class, Connections], public_url: str
    ) -> None:
        """`public_url` is what the addresses begin with that a provider calls back. Each class has its own connections,
        so that no password waits for one that a campaign has."""
        self._public_url = public_url
        self._directory = directory
        self._secret = secret
        self._connections = connections
        self._carriers: dict[tuple[str, bool, Class], tuple[Connector, Carrier]] = {}

    async def send(self, call: Call) -> Answer:
        """One call. A connector that was taken away or cannot be unsealed since the decision: refused, not final."""
        carrier = self._carrier(call.account, call.provider, call.fallback, call.class_)
        if carrier is None:
            return UNUSABLE
        return await carrier.send(call, allow_unicode=call.encoding == "UCS-2")

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """Several of one connector of one account: in one call if its carrier takes so many, else beside each other."""
        first = calls[0]
        carrier = self._carrier(first.account, first.provider, first.fallback, first.class_)
        if carrier is None:
            return [UNUSABLE] * len(calls)
        if isinstance(carrier, BulkCarrier) and len(calls) <= carrier.largest:
            return await carrier.send_many(calls)
        return await asyncio.gather(*(carrier.send(call, allow_unicode=call.encoding == "UCS-2") for call in calls))

    async def page(
        self, account: str, provider: Provider, fallback: bool, cursor: str | None, since: int
    ) -> Page | NotListed:
        """See ports.Lists."""
        carrier = self._carrier(account, provider, fallback)
        return UNASKABLE if carrier is None else await carrier.page(cursor, since)

    async def look_up(self, account: str, provider: Provider, fallback: bool, provider_id: str) -> Page | NotListed:
        """See ports.Lists."""
        carrier = self._carrier(account, provider, fallback)
        return UNASKABLE if carrier is None else await carrier.look_up(provider_id)

    def _carrier(self, name: str, provider: Provider, fallback: bool, class_: Class = "newsletter") -> Carrier | None:
        """The carrier of the connector that an attempt went by: another provider's would know nothing of it."""
        account = self._directory.account(name)
        if account is None:
            return None
        connector = account.fallback if fallback else account.connector
        if connector is None or connector.sealed_token is None or connector.provider != provider:
            return None
        known = self._carriers.get((name, fallback, class_))
        if known is not None and known[0] is connector:
            return known[1]
        try:
            token = sealing.unseal(self._secret, tokens.PURPOSE, name, connector.sealed_token)
            carrier = self._made(name, connector, token, self._connections[class_])
        except (ValueError, sealing.Unsealable) as exc:
            log.error("account %s: its connector cannot be used: %s", name, exc)
            return None
        self._carriers[name, fallback, class_] = (connector, carrier)
        return carrier

    def _made(self, name: str, connector: Connector, token: str, connections: Connections) -> Carrier:
        if connector.provider == "instasent":
            return Instasent(connections, token, connector.base_url)
        callbacks = f"{self._public_url}/callbacks/twilio/{name}/{callback_secret(self._secret, name)}"
        return Twilio(connections, token, connector.base_url, callbacks)

"""Events on their way to the topic of their type and the partition of their subject."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from connectors.kafka.appender import Appended, Appender, NotDurable
from events import inbox
from events.inbox import Seal
from events.partition import partition_of
from events.topics import Role, name

ACK_TIMEOUT: Final = 10.0  # seconds


class Seals(Protocol):
    """Seals what is told about contacts of accounts whose privacy is `sealed` (connectors/kafka/inbox_keys.py)."""

    async def seal(self, account: str) -> Seal:
        """The account's seal of today. Raises NotDurable where a new key cannot be written."""
        ...


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where events go: `prefix` is that of the topics, `partitions` their number (recado.accounts has one). What is
    about a contact of one of the `sealed` accounts is sealed before it is written."""

    appender: Appender
    prefix: str
    partitions: int
    ack_timeout: float = ACK_TIMEOUT
    sealed: Callable[[], Collection[str]] = tuple
    seals: Seals | None = None

    def record(self, role: Role, subject: str, value: bytes) -> Appended:
        """An event, and where it belongs."""
        key = subject.encode()
        partition = 0 if role is Role.ACCOUNTS else partition_of(key, self.partitions)
        return Appended(name(self.prefix, role), partition, key, value)

    async def post(self, records: Sequence[Appended]) -> None:
        """Return once all are durable. Raises NotDurable, and then any of them may be in Kafka."""
        try:
            async with asyncio.timeout(self.ack_timeout):
                if self.seals is not None and (sealed := self.sealed()):
                    records = [await self._sealed(self.seals, record, sealed) for record in records]
                await self.appender.append_all(records)
        except TimeoutError:
            raise NotDurable(f"no acknowledgement within {self.ack_timeout:g} seconds") from None

    async def _sealed(self, seals: Seals, record: Appended, accounts: Collection[str]) -> Appended:
        account, of_contact, _ = record.key.decode().partition("/")
        if not of_contact or account not in accounts:
            return record
        return record._replace(value=inbox.seal(record.value, await seals.seal(account)))

"""Events on their way to the topic of their type and the partition of their subject."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from connectors.kafka.appender import Appended, Appender, NotDurable
from events.partition import partition_of
from events.topics import Role, name

ACK_TIMEOUT: Final = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where events go: `prefix` is that of the topics, `partitions` their number (recado.accounts has one)."""

    appender: Appender
    prefix: str
    partitions: int
    ack_timeout: float = ACK_TIMEOUT

    def record(self, role: Role, subject: str, value: bytes) -> Appended:
        """An event, and where it belongs."""
        key = subject.encode()
        partition = 0 if role is Role.ACCOUNTS else partition_of(key, self.partitions)
        return Appended(name(self.prefix, role), partition, key, value)

    async def post(self, records: Sequence[Appended]) -> None:
        """Return once all are durable. Raises NotDurable, and then any of them may be in Kafka."""
        try:
            async with asyncio.timeout(self.ack_timeout):
                await self.appender.append_all(records)
        except TimeoutError:
            raise NotDurable(f"no acknowledgement within {self.ack_timeout:g} seconds") from None

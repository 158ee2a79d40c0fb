"""Appends the provider's answers to recado.answers, each durable before it counts."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from connectors.kafka.appender import BATCH_BYTES, Appended, in_batches
from connectors.ports import MachineryFault


class AnswersTopic:
    """ports.Answers over one idempotent producer."""

    def __init__(self, topic: str, client: Mapping[str, Any]) -> None:
        self._topic = topic
        self._producer = AIOKafkaProducer(
            enable_idempotence=True, acks="all", linger_ms=0, max_batch_size=BATCH_BYTES, **client
        )

    async def open(self) -> None:
        await self._producer.start()

    async def close(self) -> None:
        await self._producer.stop()

    async def append(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Return once the records are durable. Raises MachineryFault if the broker did not take them in time."""
        try:
            if len(records) == 1:
                key, value = records[0]
                await self._producer.send_and_wait(self._topic, value, key=key, partition=partition)
            else:
                appended = [Appended(self._topic, partition, key, value) for key, value in records]
                await asyncio.gather(*await in_batches(self._producer, appended))
        except KafkaError as exc:
            raise MachineryFault(f"{self._topic}[{partition}] did not take a record: {exc!r}") from exc

"""Appends the provider's answers to recado.answers, each durable before it counts."""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from connectors.ports import MachineryFault


class AnswersTopic:
    """ports.Answers over one idempotent producer."""

    def __init__(self, topic: str, client: Mapping[str, Any]) -> None:
        self._topic = topic
        self._producer = AIOKafkaProducer(enable_idempotence=True, acks="all", linger_ms=0, **client)

    async def open(self) -> None:
        await self._producer.start()

    async def close(self) -> None:
        await self._producer.stop()

    async def append(self, partition: int, key: bytes, value: bytes) -> None:
        """Return once the record is durable. Raises MachineryFault if the broker did not take it in time."""
        try:
            await self._producer.send_and_wait(self._topic, value, key=key, partition=partition)
        except KafkaError as exc:
            raise MachineryFault(f"{self._topic}[{partition}] did not take a record: {exc!r}") from exc

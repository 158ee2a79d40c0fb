"""Appends the provider's answers to recado.answers, each durable before it counts."""

import asyncio
from collections.abc import Mapping, Sequence
from time import time
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from connectors.kafka.appender import BATCH_BYTES
from connectors.kafka.batches import Laid, batches
from connectors.ports import MachineryFault


class AnswersTopic:
    """ports.Answers over one idempotent producer.

    Answers come one by one, as the provider gives them. What comes while a partition's last batch is on its way goes in
    one batch behind it: the client's work for a batch is several times that for a record.
    """

    def __init__(self, topic: str, client: Mapping[str, Any]) -> None:
        self._topic = topic
        self._gathered: dict[int, list[Laid]] = {}
        self._writing: dict[int, asyncio.Task[None]] = {}
        self._producer = AIOKafkaProducer(
            enable_idempotence=True, acks="all", linger_ms=0, max_batch_size=BATCH_BYTES, **client
        )

    async def open(self) -> None:
        await self._producer.start()

    async def close(self) -> None:
        await self._producer.stop()

    async def append(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Return once the records are durable. Raises MachineryFault if the broker did not take them in time."""
        gathered = self._gathered.get(partition)
        if gathered is None:
            gathered = self._gathered[partition] = []
            self._writing[partition] = asyncio.create_task(self._write(partition, self._writing.get(partition)))
        gathered += [(key, value, ()) for key, value in records]
        await asyncio.shield(self._writing[partition])

    async def _write(self, partition: int, before: asyncio.Task[None] | None) -> None:
        if before is not None:  # which tells its own answers what became of them
            await asyncio.wait([before])
        records = self._gathered.pop(partition)
        producer, topic = self._producer, self._topic
        try:
            laid = list(batches(producer.create_batch, records, int(time() * 1000)))
            sent = [await producer.send_batch(batch, topic, partition=partition) for batch in laid]
            await asyncio.gather(*sent)
        except KafkaError as exc:
            raise MachineryFault(f"{topic}[{partition}] did not take a record: {exc!r}") from exc

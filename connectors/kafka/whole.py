"""All that a topic holds now, for commands that read it once and end.

aiokafka reads it, not kafka-python: that one knows gzip only unless three more packages are installed, and upstream
systems compress with snappy, lz4 and zstd.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka import consumers
from connectors.kafka.errors import BrokerUnavailable
from connectors.kafka.headers import read_any_name


def committed(topic: str, partitions: int, client: Mapping[str, Any]) -> Iterator[Any]:
    """Every committed record up to the ends of now, as aiokafka gives it, partition by partition. Blocks; not to be
    called where an event loop runs. `client`: aiokafka's keyword arguments. Raises BrokerUnavailable."""
    tps = [TopicPartition(topic, number) for number in range(partitions)]
    with asyncio.Runner() as runner:
        consumer: AIOKafkaConsumer | None = None
        try:
            consumer = runner.run(_opened(tps, client))
            ends = runner.run(consumer.end_offsets(tps))
            while unread := [tp for tp in tps if runner.run(consumer.position(tp)) < ends[tp]]:
                for found in runner.run(consumer.getmany(*unread, timeout_ms=500)).values():
                    yield from found
        except KafkaError as error:
            problem = f"{topic} could not be read ({type(error).__name__})"
            raise BrokerUnavailable(problem, "look at the broker's log, then run it again") from error
        finally:
            if consumer is not None:
                runner.run(consumers.close(consumer))


async def _opened(tps: list[TopicPartition], client: Mapping[str, Any]) -> AIOKafkaConsumer:
    read_any_name()
    consumer = AIOKafkaConsumer(
        isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest", **client
    )
    try:
        await consumer.start()
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
    except BaseException:
        await consumers.close(consumer)
        raise
    return consumer

"""Events into Kafka from a command: as fast as the broker takes them, each one durable or named as not so."""

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Self

from connectors.kafka.admin import CONNECT
from connectors.kafka.errors import BrokerUnavailable, explained
from connectors.kafka.security import Security
from events.topics import Role, name, partition_of

IN_FLIGHT: Final = 20_000  # records written and not yet acknowledged; beyond that publish() waits
DELIVERY: Final = 60.0  # seconds that one record may take, retries included
KEPT: Final = 20  # failures kept in words; the rest is counted


class Failure(NamedTuple):
    """A record that is not in Kafka, or not surely. `tag` is what the caller gave it: a line number, say."""

    tag: object
    reason: str


class Publisher:
    """An idempotent producer with acks=all: a retry never doubles a record, and keeps the order within a partition.

    Use it as a context manager; leaving it flushes. Every method blocks; publish() only while IN_FLIGHT records wait.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        security: Security | None = None,
        acknowledged: Callable[[int], None] | None = None,
    ) -> None:
        """`acknowledged` hears in another thread how many more records are durable. Raises BrokerUnavailable."""
        from kafka import KafkaProducer

        self.durable = 0
        self.failed = 0
        self.failures: list[Failure] = []
        self._bootstrap, self._prefix = bootstrap, prefix
        self._acknowledged = acknowledged
        self._room = threading.BoundedSemaphore(IN_FLIGHT)
        self._counting = threading.Lock()
        self._partitions: dict[str, int] = {}
        with explained(bootstrap):
            self._producer: Any = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                client_id="recado-publisher",
                bootstrap_timeout_ms=int(CONNECT * 1000),
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,
                max_block_ms=int(CONNECT * 1000),
                delivery_timeout_ms=int(DELIVERY * 1000),
                max_request_size=2 * 1024 * 1024,
                batch_size=256 * 1024,
                linger_ms=5,
                **(security or Security()).arguments(),
            )

    def publish(
        self, role: Role, key: bytes | None, value: bytes, tag: object = None, partition: int | None = None
    ) -> None:
        """Send one event to the partition of `key` by Kafka's own murmur2, or to the one that is named. What becomes
        of it shows in `durable`, `failed` and `failures`, at the latest after flush(). Raises BrokerUnavailable where
        there is no such topic."""
        topic = name(self._prefix, role)
        if partition is None:
            partition = partition_of(key or b"", self._count(topic))
        self._room.acquire()
        try:
            with explained(self._bootstrap):
                future = self._producer.send(topic, value, key, partition=partition)
        except BaseException:
            self._room.release()
            raise
        future.add_callback(self._done)
        future.add_errback(self._failed, tag)

    def flush(self) -> None:
        """Wait until each record is durable or has failed. Raises BrokerUnavailable where neither happens in time."""
        with explained(self._bootstrap):
            self._producer.flush(timeout=DELIVERY + CONNECT)

    def close(self) -> None:
        """Give up what is not yet sent, and let the connection go."""
        self._producer.close(timeout=CONNECT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def _count(self, topic: str) -> int:
        from kafka.errors import KafkaTimeoutError

        count = self._partitions.get(topic)
        if count is None:
            with explained(self._bootstrap):
                try:
                    count = len(self._producer.partitions_for(topic) or ())
                except KafkaTimeoutError:  # the broker answered when this connected: it is the topic that is missing
                    count = 0
            if not count:
                raise BrokerUnavailable(
                    f"Kafka at {self._bootstrap} has no topic {topic}",
                    "start `recado up` or a worker, which make the topics; check RECADO_TOPIC_PREFIX",
                )
            self._partitions[topic] = count
        return count

    def _done(self, _: object) -> None:
        with self._counting:
            self.durable += 1
        self._room.release()
        if self._acknowledged is not None:
            self._acknowledged(1)

    def _failed(self, tag: object, error: Exception) -> None:
        with self._counting:
            self.failed += 1
            if len(self.failures) < KEPT:
                self.failures.append(Failure(tag, type(error).__name__))
        self._room.release()

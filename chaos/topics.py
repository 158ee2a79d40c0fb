"""Recado's topics through a client of its own, kafka-python: published to as upstream does, read as committed."""

import time
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

import orjson

from chaos.evidence import INPUTS, Landed
from chaos.feed import Item
from chaos.settling import Open
from connectors.kafka.security import Security
from events.topics import Role, name

CONNECT: Final = 30_000  # ms
POSITIONS: Final = b"p/positions"
READ: Final = (Role.ACCOUNTS, *INPUTS, Role.JOURNAL, Role.DEAD_LETTERS, Role.STATE)


class Upstream:
    """Publishes; records of one partition stay in order, each durable once `flush` has returned."""

    def __init__(self, bootstrap: str, prefix: str, security: Security) -> None:
        from kafka import KafkaProducer

        self._prefix = prefix
        self._producer: Any = KafkaProducer(
            bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True, linger_ms=2,
            bootstrap_timeout_ms=CONNECT, allow_auto_create_topics=False, **security.arguments(),
        )  # fmt: skip
        self._pending: list[Any] = []

    def publish(self, items: Iterable[Item]) -> None:
        """Write these. Where an item names no partition, kafka-python's own murmur2 of the key decides."""
        for item in items:
            topic = name(self._prefix, item.role)
            self._pending.append(self._producer.send(topic, item.value, key=item.key, partition=item.partition))

    def flush(self) -> None:
        """Until all is durable. Raises kafka-python's KafkaError for a record that is not."""
        self._producer.flush()
        pending, self._pending = self._pending, []
        for future in pending:
            future.get(timeout=CONNECT / 1000)

    def close(self) -> None:
        self._producer.close()


class Observer:
    """Reads every topic, committed records only, and keeps them: `records` by topic, `positions` as the state has them,
    `open` what the journal leaves open.

    Not thread-safe; `poll` blocks for at most the time it is given.
    """

    def __init__(self, bootstrap: str, prefix: str, partitions: int, security: Security) -> None:
        from kafka import KafkaConsumer, TopicPartition

        self._roles = {name(prefix, role): role for role in READ}
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","), group_id=None, enable_auto_commit=False,
            isolation_level="read_committed", auto_offset_reset="earliest", bootstrap_timeout_ms=CONNECT,
            max_poll_records=5_000, fetch_max_wait_ms=50, allow_auto_create_topics=False, **security.arguments(),
        )  # fmt: skip
        one = (Role.ACCOUNTS, Role.DEAD_LETTERS)
        self._assigned = [
            TopicPartition(topic, partition)
            for topic, role in self._roles.items()
            for partition in range(1 if role in one else partitions)
        ]
        self._consumer.assign(self._assigned)
        self._kept: dict[tuple[Role, int], list[Landed]] = defaultdict(list)
        self._state: dict[int, dict[bytes, Landed]] = defaultdict(dict)
        self.positions: dict[tuple[Role, int], int] = {}
        self.commits = 0  # of all partitions, as the changelog shows them
        self.open = Open()

    def poll(self, seconds: float) -> None:
        """Read what has come, waiting at most so long for it. A broker that is away brings nothing."""
        from kafka.errors import KafkaError

        try:
            found = self._consumer.poll(timeout_ms=int(seconds * 1000))
        except KafkaError as error:
            if not error.retriable:
                raise
            return
        for tp, records in found.items():
            role = self._roles[tp.topic]
            if role is Role.STATE:
                self._keep_state(tp.partition, records)
                continue
            kept = self._kept[role, tp.partition]
            for record in records:
                headers = tuple((header[0], header[1]) for header in record.headers)
                kept.append(
                    Landed(role, tp.partition, record.offset, record.key, record.value, headers, record.timestamp)
                )
                if role is Role.JOURNAL:
                    self.open.take(record.value)

    def _keep_state(self, partition: int, records: Iterable[Any]) -> None:
        """The newest value of each key, as compaction would leave it: of all values there are too many."""
        kept = self._state[partition]
        for record in records:
            if record.value is None:
                kept.pop(record.key, None)
                continue
            kept[record.key] = Landed(Role.STATE, partition, record.offset, record.key, record.value)
            if record.key == POSITIONS:
                self.commits += 1
                for of, (position, _) in orjson.loads(record.value).items():
                    self.positions[Role(of), partition] = position

    def ends(self) -> dict[tuple[Role, int], int]:
        """Where each topic's partition ends now, for a reader of committed records. Asks a broker that is just back
        until it knows."""
        from kafka.errors import KafkaError

        deadline = time.monotonic() + CONNECT / 1000
        while True:
            try:
                ends = self._consumer.end_offsets(self._assigned)
            except KafkaError as error:
                if not error.retriable or time.monotonic() > deadline:
                    raise
                self.poll(0.1)
            else:
                return {(self._roles[tp.topic], tp.partition): end for tp, end in ends.items()}

    def read_up_to(self, ends: dict[tuple[Role, int], int]) -> bool:
        """Has this reader read up to these ends?"""
        return all(self._consumer.position(tp) >= ends[self._roles[tp.topic], tp.partition] for tp in self._assigned)

    def behind(self, ends: dict[tuple[Role, int], int]) -> int:
        """How many records lie between the engine's positions and these ends, over all inbound topics."""
        lag = 0
        for (role, partition), end in ends.items():
            if role in INPUTS:
                lag += max(0, end - self.positions.get((role, partition), 0))
        return lag

    def records(self) -> dict[Role, list[Landed]]:
        """All that was read so far: by topic, then partition, then offset; of the changelog what is not overwritten."""
        found: dict[Role, list[Landed]] = {role: [] for role in READ}
        for role, partition in sorted(self._kept):
            found[role] += self._kept[role, partition]
        for partition in sorted(self._state):
            found[Role.STATE] += sorted(self._state[partition].values())
        return found

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

"""What a running Recado does, seen from outside: the journal and the state's changelog, read committed, by no group."""

from __future__ import annotations

from collections import deque

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.counts import Counts
from events.codec import decode_fact
from events.topics import BY_ROLE, Role, name
from streams.cli.demo.checks import INPUTS
from streams.cli.demo.tally import Tally
from streams.cli.place import client
from streams.settings import Settings

_RATES = 30  # seconds of pace that are kept


class Watch:
    """Follows both from their beginning. `tally`, `counts`, `lag` and `rates` are current to a second."""

    def __init__(self, settings: Settings) -> None:
        self.tally, self.counts = Tally(), Counts()
        self.lag: dict[Role, int] = {}
        self.rates: deque[float] = deque(maxlen=_RATES)
        self._settings = settings
        self._partitions = {
            role: [
                TopicPartition(name(settings.topic_prefix, role), number)
                for number in range(BY_ROLE[role].count(settings.partitions))
            ]
            for role in (*INPUTS, Role.JOURNAL, Role.STATE)
        }
        self._journal = self._partitions[Role.JOURNAL][0].topic
        self._consumer = AIOKafkaConsumer(
            isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest", **client(settings)
        )

    async def __aenter__(self) -> Watch:
        await self._consumer.start()
        followed = [*self._partitions[Role.JOURNAL], *self._partitions[Role.STATE]]
        self._consumer.assign(followed)
        await self._consumer.seek_to_beginning(*followed)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def follow(self) -> None:
        """Read for about a fifth of a second."""
        for partition, records in (await self._consumer.getmany(timeout_ms=200, max_records=5_000)).items():
            for record in records:
                if partition.topic == self._journal:
                    self.tally.fold(decode_fact(record.value or b""))
                else:
                    self.counts.take(partition.partition, record.key, record.value)

    async def behind(self) -> int:
        """Offsets of the journal and the changelog that were not read yet."""
        ends = await self._consumer.end_offsets([*self._partitions[Role.JOURNAL], *self._partitions[Role.STATE]])
        return sum([max(0, end - await self._consumer.position(partition)) for partition, end in ends.items()])

    async def measure(self, before: int, seconds: float) -> int:
        """Take lag and pace; `before` is the number of decided records so many seconds ago. Returns it as it is now."""
        ends = await self._consumer.end_offsets([each for role in INPUTS for each in self._partitions[role]])
        for role in INPUTS:
            self.lag[role] = sum(
                max(0, ends[each] - self.counts.positions.get((role.value, each.partition), 0))
                for each in self._partitions[role]
            )
        now = self.counts.total("read")
        self.rates.append((now - before) / seconds)
        return now

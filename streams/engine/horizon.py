"""How far the topics reach by now: what has to be read before what was fetched, before timers, and in a take-over."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from connectors.kafka.changelog import Bounds
from connectors.ports import BEFORE, Fetch, MachineryFault
from events.topics import Role
from streams import takeover
from streams.engine.wiring import Wiring
from streams.intake import SENDS
from streams.pipeline import BEFORE_TIMERS

ENDS_WITHIN: Final = 5.0  # seconds, a transaction that is not lost: a commit takes some milliseconds
_ASKED_EACH: Final = 0.1  # seconds
_OWN: Final = (Role.STATE, Role.JOURNAL)  # written by engines alone


class Horizon:
    """See the module."""

    def __init__(self, wiring: Wiring, bounds: Bounds) -> None:
        self._topics = wiring.topics
        self._inputs = wiring.inputs
        self._patience = wiring.limits.patience / 1000
        self._bounds = bounds

    async def open(self) -> None:
        """Raises aiokafka's KafkaError when the broker cannot be reached."""
        await self._bounds.open()

    async def close(self) -> None:
        """Open no more."""
        await self._bounds.close()

    async def behind(self, fetches: Sequence[tuple[TP, Fetch]]) -> Sequence[tuple[TP, Fetch]]:
        """Records learn the ends that the topics before theirs have now, after the fetch. Raises KafkaError for sends
        alone: everything else goes on without."""
        before = {tp: self._before(fetch.role, tp.partition) for tp, fetch in fetches if fetch.records}
        asked = {other for others in before.values() for other in others.values()}
        if not asked:
            return fetches
        sends = any(fetch.role in SENDS for tp, fetch in fetches if before.get(tp))
        try:
            # What waits for its patience at most waits no longer for the answer: nothing but sends needs one.
            async with asyncio.timeout(None if sends else self._patience):
                ends = await self._bounds.heads(asked)
        except (TimeoutError, KafkaError):
            if sends:
                raise
            return fetches
        return [
            (tp, replace(fetch, ends={role: ends[other] for role, other in before.get(tp, {}).items()}))
            for tp, fetch in fetches
        ]

    async def due(self, partition: int) -> dict[Role, int]:
        """barrier.Heads: the ends that bound timers which are due now."""
        asked = {role: tp for role in BEFORE_TIMERS if role in self._inputs and (tp := self._at(role, partition))}
        if (accounts := self._at(Role.ACCOUNTS, 0)) is not None:
            asked[Role.ACCOUNTS] = accounts
        heads = await self._bounds.heads(asked.values())
        return {role: heads[tp] for role, tp in asked.items()}

    async def of(self, partitions: Sequence[int]) -> Mapping[int, takeover.Bounds]:
        """From where to where a take-over of these partitions reads each topic; to be asked behind its fence.

        Raises MachineryFault where what the engine alone writes holds a transaction there that does not end: its broker
        has lost the end, and what was decided would be decided again.
        """
        asked = {
            partition: {role: tp for role in (*_OWN, Role.KEYS, *self._inputs) if (tp := self._at(role, partition))}
            for partition in partitions
        }
        all_of = [tp for tps in asked.values() for tp in tps.values()]
        if not all_of:
            return {partition: {} for partition in partitions}
        begins = await self._bounds.begins(all_of)
        heads = await self._bounds.heads([tp for tps in asked.values() for role, tp in tps.items() if role in _OWN])
        ends = await self._ends(all_of, heads)
        return {
            partition: {role: (begins[tp], ends[tp]) for role, tp in tps.items()} for partition, tps in asked.items()
        }

    async def _ends(
        self, asked: Sequence[TopicPartition], heads: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        """The last stable positions, once they have reached these heads.

        They reach them at once, unless another worker has overtaken this one, which was frozen, say, and was writing
        when it was asked: its transaction ends, and this worker learns at its own first commit that it is fenced.
        """
        patient_until = monotonic() + ENDS_WITHIN
        while True:
            late = monotonic() >= patient_until  # before the question: what froze the worker behind it has not waited
            ends = await self._bounds.ends(asked)
            hanging = next((tp for tp, head in heads.items() if head > ends[tp]), None)
            if hanging is None:
                return ends
            if late:
                raise MachineryFault(
                    f"{hanging.topic}[{hanging.partition}] holds records of a transaction without an end from offset"
                    f" {ends[hanging]} on: the broker has lost it, as Apache Kafka 4.3 and 4.4 do when they start"
                    " again. See docs/operations.md, Hanging transactions"
                )
            await asyncio.sleep(_ASKED_EACH)

    def _before(self, role: Role, partition: int) -> dict[Role, TopicPartition]:
        """Whose ends bound a fetch of this topic."""
        places = {other: self._at(other, 0 if other is Role.ACCOUNTS else partition) for other in BEFORE.get(role, ())}
        return {other: tp for other, tp in places.items() if tp is not None}

    def _at(self, role: Role, partition: int) -> TopicPartition | None:
        topic = self._topics.get(role)
        return None if topic is None else TopicPartition(topic, partition)

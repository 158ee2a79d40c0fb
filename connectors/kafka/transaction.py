"""One partition's commits as Kafka transactions: the fence, the write, and what its failures mean.

Records are laid out in whole batches (not one by one through the producer's queue), which is what lets a commit of
thousands of facts cost milliseconds. The batches of one topic and partition are sent in order.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import itemgetter
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, ProducerFenced
from aiokafka.producer import sender

from connectors.kafka.batches import Laid, batches
from connectors.ports import Commit, Fenced, MachineryFault
from events.topics import Role

log = logging.getLogger(__name__)

BATCH_BYTES = 900_000  # below the topics' max.message.bytes of 1 MiB, with room for the batch's own header
LAID = itemgetter(0, 1, 2)  # of a Message: all but the partition
FENCED = (ProducerFenced, InvalidProducerEpoch)

# How long aiokafka waits before it asks again while the broker still writes the last commit's markers, seconds. Its
# own 20 ms would be most of a send's way: docs/adr/047-a-lone-sends-way.md.
sender.BACKOFF_OVERRIDE = 0.005


class TransactionLog:
    """The Log of one partition. `open()` fences every former owner of the partition before it returns."""

    def __init__(
        self,
        topics: Mapping[Role, str],
        partition: int,
        transactional_id: str,
        client: Mapping[str, Any],
        timeout_ms: int = 60_000,
    ) -> None:
        self._topics = topics
        self._partition = partition
        self._id = transactional_id
        self._failure: MachineryFault | None = None
        self._producer = AIOKafkaProducer(
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            max_batch_size=BATCH_BYTES,
            max_request_size=4 * 1024 * 1024,
            linger_ms=0,
            acks="all",
            **client,
        )

    async def open(self) -> None:
        """Open the transactional id: fences the former owner and ends what it left open."""
        try:
            await self._producer.start()
        except FENCED as exc:
            raise Fenced(f"{self._id}: another worker opened this partition at the same moment") from exc
        except KafkaError as exc:
            raise MachineryFault(f"{self._id}: the broker did not open the transactional id: {exc!r}") from exc

    async def close(self) -> None:
        try:
            await self._producer.stop()
        except Exception as exc:  # noqa: BLE001 - a producer that is fenced or cut off has nothing left to save
            log.info("transactional id %s closed with %r", self._id, exc)

    async def commit(self, commit: Commit) -> int:
        """See ports.Log. Any failure leaves the log unusable on purpose: the caller must stop."""
        if self._failure is not None:
            raise self._failure
        try:
            return await self._commit(commit)
        except MachineryFault as fault:
            self._failure = fault
            raise

    async def _commit(self, commit: Commit) -> int:
        if not commit.changes:
            raise MachineryFault(f"partition {self._partition}: a commit without a change of state")
        producer = self._producer
        partition = self._partition
        sent: list[Any] = []
        try:
            await producer.begin_transaction()
            at = commit.at
            if commit.facts:
                await self._append(sent, Role.JOURNAL, partition, map(LAID, commit.facts), at)
            moved: dict[tuple[Role, int], list[Laid]] = {}
            for role, message in commit.moved:
                target = message.partition if message.partition is not None else partition
                moved.setdefault((role, target), []).append(LAID(message))
            for (role, target), records in moved.items():
                await self._append(sent, role, target, records, at)
            if commit.dead_letters:
                await self._append(sent, Role.DEAD_LETTERS, 0, map(LAID, commit.dead_letters), at)
            changes = zip(commit.changes.keys(), commit.changes.values(), repeat(()))
            in_last_batch = await self._append(sent, Role.STATE, partition, changes, at)
            written = await asyncio.gather(*sent)
            await producer.commit_transaction()
        except FENCED as exc:
            raise Fenced(f"partition {partition}: another worker has taken it over") from exc
        except IllegalOperation as exc:
            # The transaction ended under our hands: why is in what of it was sent before.
            ends = [future.exception() for future in sent if future.done() and not future.cancelled()]
            if any(isinstance(end, FENCED) for end in ends):
                raise Fenced(f"partition {partition}: another worker has taken it over") from exc
            raise MachineryFault(f"partition {partition}: the commit broke off: {exc!r}") from exc
        except (KafkaError, OSError) as exc:
            raise MachineryFault(f"partition {partition}: the commit's outcome is not known: {exc!r}") from exc
        return int(written[-1].offset) + in_last_batch  # a batch is acknowledged by its first record's offset

    async def _append(self, sent: list[Any], role: Role, partition: int, records: Iterable[Laid], at: int) -> int:
        """Send the records in as few batches as they fit; return how many the last one holds."""
        producer, topic, last = self._producer, self._topics[role], 0
        for batch in batches(producer.create_batch, records, at):
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            last = batch.record_count()
        return last

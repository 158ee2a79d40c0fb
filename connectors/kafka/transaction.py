"""One partition's commits as Kafka transactions: the fence, the write, and what its failures mean.

Records are laid out in whole batches (not one by one through the producer's queue), which is what lets a commit of
thousands of facts cost milliseconds. The batches of one topic and partition are sent in order.

Soon after a commit the next transaction is begun and told of the two topics that nearly every commit writes, so
that a lone send does not wait for the broker to be asked. Until its first record an open transaction hides nothing from
readers. One that is not used is ended soon: docs/adr/047-transaction-begun-ahead.md.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import itemgetter
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, ProducerFenced
from aiokafka.producer import sender

from connectors.kafka.batches import Laid, batches
from connectors.ports import Commit, Fenced, MachineryFault
from events.topics import Role

log = logging.getLogger(__name__)

BATCH_BYTES = 900_000  # below the topics' max.message.bytes of 1 MiB, with room for the batch's own header
LAID = itemgetter(0, 1, 2)  # of a Message: all but the partition
FENCED = (ProducerFenced, InvalidProducerEpoch)
AHEAD = 0.01  # seconds behind a commit: by then its markers are written, and under load the next has begun by itself
UNUSED = 10.0  # seconds that a transaction begun ahead stays open without a record; far below its time-out
CLOSING = 1.0  # seconds that the end of such a one may take when a partition is given up

# How long aiokafka waits before it asks again while the broker still writes the last commit's markers, seconds. Its
# own 20 ms would be most of a send's way.
sender.BACKOFF_OVERRIDE = 0.002


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
        self._ahead: asyncio.TimerHandle | None = None  # begins a transaction ahead
        self._unused: asyncio.TimerHandle | None = None  # while one is open: ends it
        self._ending: asyncio.Task[None] | None = None  # of one that was not used
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
            if self._ahead is not None:
                self._ahead.cancel()
            if self._unused is not None:  # or the successor would have to, before its fence is open
                self._unused.cancel()
                self._end_unused()
            if self._ending is not None:
                ended, _ = await asyncio.wait([self._ending], timeout=CLOSING)
                for each in ended:
                    each.exception()  # it held nothing: what went wrong is the next owner's to find
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
            await self._begin()
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
        self._ahead = asyncio.get_running_loop().call_later(AHEAD, self._begin_ahead)
        return int(written[-1].offset) + in_last_batch  # a batch is acknowledged by its first record's offset

    async def _begin(self) -> None:
        """Within a transaction from now on: the one begun ahead, if it is still open."""
        if self._ahead is not None:
            self._ahead.cancel()
        unused, self._unused = self._unused, None
        if unused is not None:
            unused.cancel()
            return
        ending, self._ending = self._ending, None
        if ending is not None:
            await ending
        await self._producer.begin_transaction()

    def _begin_ahead(self) -> None:
        transaction = self._producer._txn_manager
        transaction.begin_transaction()
        for role in (Role.JOURNAL, Role.STATE):
            transaction.maybe_add_partition_to_txn(TopicPartition(self._topics[role], self._partition))
        self._unused = asyncio.get_running_loop().call_later(UNUSED, self._end_unused)

    def _end_unused(self) -> None:
        self._unused = None
        self._ending = asyncio.create_task(self._producer.commit_transaction())

    async def _append(self, sent: list[Any], role: Role, partition: int, records: Iterable[Laid], at: int) -> int:
        """Send the records in as few batches as they fit; return how many the last one holds."""
        producer, topic, last = self._producer, self._topics[role], 0
        for batch in batches(producer.create_batch, records, at):
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            last = batch.record_count()
        return last

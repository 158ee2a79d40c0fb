"""Everything but the journal made anew: the partitions' state, their changelog, and the read model."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from connectors.clock import SystemClock
from connectors.credentials import number_key, wrapping_key
from connectors.kafka.changelog import Bounds, Reader
from connectors.kafka.transaction import TransactionLog
from connectors.readmodel.consumer import JournalReader
from connectors.state import StateStore, destroy
from events import topics
from events.topics import Role
from projections import keyspace
from projections.account import Directory
from projections.keyring import Keyring
from streams.app import group_id
from streams.settings import Settings
from streams.takeover import TakeOver
from streams.workflow import SendingWorkflow

Told = Callable[[int, int], None]
"""Hears of a partition that is done: its number, and how many facts its state was folded from."""


class _Folder:
    """Local stores in a folder that goes away again: workers make their own from the changelog."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, partition: int) -> StateStore:
        return StateStore(self._folder / str(partition))

    def wipe(self, partition: int) -> StateStore:
        # Only ever asked for behind an empty changelog, when nothing has been written to the copy that is open.
        destroy(self._folder / f"{partition}-anew")
        return StateStore(self._folder / f"{partition}-anew")


async def rebuild_state(settings: Settings, told: Told) -> int:
    """Fold the journal into each partition's empty changelog; return the number of facts. No worker may run: opening a
    partition's transactional id fences it. Raises MachineryFault, aiokafka's KafkaError."""
    names = {role: topics.name(settings.topic_prefix, role) for role in Role}
    client: Mapping[str, Any] = {"bootstrap_servers": settings.kafka, **settings.security.arguments()}
    bounds, reader, clock = Bounds(client), Reader(names, client), SystemClock()
    keys = wrapping_key(settings.secret()), number_key(settings.secret())
    facts = 0
    with tempfile.TemporaryDirectory(dir=settings.data) as folder:
        over = TakeOver(reader, _Folder(Path(folder)), keyspace.encode, keyspace.decode)
        await asyncio.gather(bounds.open(), reader.open())
        try:
            for partition in range(settings.partitions):
                root = group_id(settings.topic_prefix)
                writer = TransactionLog(names, partition, f"{root}-{partition}", client)
                await writer.open()
                try:
                    read = (Role.STATE, Role.JOURNAL, Role.KEYS)
                    wanted = {role: TopicPartition(names[role], partition) for role in read}
                    begins = await bounds.begins(wanted.values())
                    ends = await bounds.ends(wanted.values())
                    between = {role: (begins[tp], ends[tp]) for role, tp in wanted.items()}
                    workflow = SendingWorkflow(
                        partition, settings.partitions, Directory(), b"", lambda: 0, keys=Keyring(*keys)
                    )
                    _, _, recovered = await over.run(partition, between, workflow, writer, clock.now())
                finally:
                    await writer.close()
                facts += recovered.facts
                told(partition, recovered.facts)
        finally:
            await reader.close()
            await bounds.close()
    return facts


async def rebuild_readmodel(settings: Settings, journal: JournalReader, ends: Mapping[int, int]) -> None:
    """Write the emptied read model up to these ends of the journal. Raises what the reader raises."""
    reading = asyncio.create_task(journal.run())
    reached = asyncio.create_task(journal.reached(ends))
    try:
        await asyncio.wait((reading, reached), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        for task in (reading, reached):
            task.cancel()
        await asyncio.gather(reading, reached, return_exceptions=True)

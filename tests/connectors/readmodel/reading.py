"""A reader of the journal in a process of its own, to be killed."""

import asyncio
from multiprocessing.connection import Connection
from typing import Any

from connectors.readmodel import database
from connectors.readmodel.consumer import JournalReader


def follow(url: str, topic: str, connection: dict[str, Any], told: Connection) -> None:
    """Read until killed; tell how many facts each batch had."""
    engine = database.open_database(url)
    reader = JournalReader(engine, topic, connection, batch=20, written=lambda facts: told.send(len(facts)))
    asyncio.run(reader.run())

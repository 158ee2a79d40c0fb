"""How one of aiokafka's consumers is closed."""

import asyncio

from aiokafka import AIOKafkaConsumer


async def close(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, whatever its fetches are at.

    aiokafka 0.14 cancels a fetch that waits to be tried again, as when its broker is away, and awaits it unguarded: its
    CancelledError is raised at whoever stops, in the place of what went wrong before, and the fetches and connections
    behind it stay open. Here they are closed too, and only a cancellation of the caller's own is raised.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        own = asyncio.current_task()
        if own is not None and own.cancelling():
            raise
        left = list(consumer._fetcher._pending_tasks)
        for fetch in left:
            fetch.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await consumer._client.close()

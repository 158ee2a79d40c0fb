"""A worker's life: from its start to the signal that ends it, whatever its broker does meanwhile."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

IDLE_STOP: Final = 5.0  # seconds: whoever owns nothing has nothing to hand over
STOP: Final = 25.0  # seconds: longer than calls are waited for, shorter than the 30 that service managers give


class Service(Protocol):
    """What begins and ends: `start` returns once it works."""

    def start(self) -> Awaitable[object]: ...

    def stop(self) -> Awaitable[object]: ...


def on_signal(end: Callable[[], None]) -> None:
    """From now on SIGTERM and SIGINT do this. A process that is the first of its container would not heed them else."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)


async def live(
    service: Service,
    idle: Callable[[], bool],
    overdue: Callable[[], None],
    within: tuple[float, float] = (IDLE_STOP, STOP),
    told: Callable[[], None] = lambda: None,
) -> None:
    """Start it, and stop it on SIGTERM or SIGINT; also where it has not started yet, as its broker does not answer.

    A client of Kafka waits up to 40 s for a broker that is gone, in a start or in a stop. So where the stop is not over
    within so many seconds (the first if `idle()` says that nothing is owned), `overdue` is called: it ends the process.
    `told` is called when the stop begins.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            told()
            loop.call_later(within[0] if idle() else within[1], overdue)

    on_signal(stop)
    starting = asyncio.ensure_future(service.start())
    asked = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((starting, asked), return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        starting.result()
        await asked
    else:
        starting.cancel()
    log.warning("stopping: calls under way are answered, then the partitions are handed over")
    await service.stop()

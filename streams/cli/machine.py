"""Everything on one machine: the broker, the topics, and the services that run as child processes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from connectors.kafka.admin import ensure_topics
from connectors.kafka.embedded import EmbeddedKafka
from connectors.kafka.errors import BrokerUnavailable
from streams.cli.refusal import Refused
from streams.cli.supervisor import Service, Supervisor
from streams.settings import Settings

Say = Callable[[str], None]

_LOOK_EVERY = 1.0  # seconds between looks at the broker's process
_WORKER_GRACE = 20.0  # seconds to finish the calls that are under way


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold RECADO_DATA for this `recado up`. Raises Refused naming the process that holds it."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "of an unknown number"
            raise Refused(
                f"{data} is in use by another `recado up` or `recado demo` (process {holder}): stop it, "
                "or set RECADO_DATA to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def make_topics(settings: Settings) -> None:
    """Make the topics that are missing on the (located) broker. Raises BrokerUnavailable and TopicsUnfit."""
    ensure_topics(
        settings.kafka or "",
        settings.topic_prefix,
        settings.partitions,
        settings.replication,
        security=settings.security,
        embedded=settings.embedded,
    )


@contextmanager
def broker(settings: Settings, say: Say) -> Iterator[tuple[Settings, EmbeddedKafka | None]]:
    """The settings with a broker's address, and the embedded broker where RECADO_KAFKA is unset; topics exist.

    To be entered from the main thread, before any event loop. Raises BrokerUnavailable and TopicsUnfit.
    """
    if settings.kafka is not None:
        make_topics(settings)
        yield settings, None
        return
    with EmbeddedKafka() as kafka:

        def progress(at_hand: int, jars: int) -> None:
            if at_hand in {0, jars // 2, jars}:
                say(f"downloading Apache Kafka, once (about 43 MB): {at_hand} of {jars} files")

        located = replace(settings, kafka=kafka.start(settings.data, progress=progress))
        make_topics(located)
        yield located, kafka


def services(settings: Settings, workers: int, more: Mapping[str, str] | None = None) -> list[Service]:
    """What `recado up` runs, in the order of starting; stopped the other way round, so that HTTP goes first."""
    environment = {"RECADO_KAFKA": settings.kafka or "", "RECADO_DATA": str(settings.data), **(more or {})}
    names = ["worker"] if workers == 1 else [f"worker-{number}" for number in range(1, workers + 1)]
    return [
        service("readmodel", environment, "readmodel"),
        *(service(each, environment, "worker", grace=_WORKER_GRACE) for each in names),
        service("http", environment, "http"),
    ]


def service(name: str, environment: Mapping[str, str], *arguments: str, grace: float = 10.0) -> Service:
    """A `recado` command as a child process."""
    return Service(name, (sys.executable, "-m", "streams.cli", *arguments), environment, grace)


async def supervise(supervisor: Supervisor, kafka: EmbeddedKafka | None, say: Say) -> int:
    """Run the services until SIGINT, SIGTERM or a wrong setting; the embedded broker is started again if it ends."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    guard = asyncio.create_task(_guard(supervisor, kafka, say)) if kafka is not None else None
    try:
        return await supervisor.run()
    finally:
        if guard is not None:
            guard.cancel()


async def _guard(supervisor: Supervisor, kafka: EmbeddedKafka, say: Say) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        if kafka.alive:
            continue
        say("the embedded Kafka ended unasked and is started again; nothing that was acknowledged is lost")
        try:
            await asyncio.to_thread(kafka.restart)
        except BrokerUnavailable as error:
            say(str(error))
            supervisor.stop(1)
            return

"""The light fold as Faust's documentation writes it: an agent, a table in RocksDB with a changelog, event by event.

At least once, with settings that Faust's documentation has for speed; `loop` is that of `faust -L`. Tells `seconds`,
then `recovered`: from the assignment of its partitions to the end of its own recovery.
"""

import time
from typing import Any

import faust
import mode.loop

from benchmarks.fact import FIRST, fact_of, folded
from benchmarks.subjects.command import Command, tell


def build(command: Command) -> faust.App:
    """A plain Faust application."""
    settings = command.settings
    app = faust.App(
        command.target, broker=f"kafka://{command.bootstrap}", store="rocksdb://", datadir=str(command.data),
        web_enabled=False, topic_partitions=command.partitions, topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        producer_linger=float(settings.get("producer_linger", "0")),
        producer_max_batch_size=int(settings.get("producer_max_batch_size", "16384")),
        stream_buffer_maxsize=int(settings.get("stream_buffer_maxsize", "4096")),
        cython_optimizations=settings.get("cython_optimizations") == "true",
        producer_threaded=settings.get("producer_threaded") == "true",
    )  # fmt: skip
    inputs = app.topic(command.source, value_type=bytes, value_serializer="json", key_type=bytes, key_serializer="raw")
    output = app.topic(command.target, value_serializer="raw", key_serializer="raw")
    table: Any = app.Table("state", partitions=command.partitions)
    assigned = [0.0]

    @app.agent(inputs)
    async def fold(stream: Any) -> None:
        async for event in stream.events():
            document = event.value
            subject = document["subject"]
            state = folded(table.get(subject) or FIRST, document, event.message.offset)
            table[subject] = state
            await output.send(key=subject.encode(), value=fact_of(document, state[0], int(time.time() * 1000)))

    @app.on_partitions_assigned.connect(weak=False)
    async def begun(*_: Any, **__: Any) -> None:
        assigned[0] = time.monotonic()

    async def ended() -> None:
        tell("seconds", time.monotonic() - assigned[0])
        tell("recovered", command.partitions)

    table.on_recover(ended)

    return app


if __name__ == "__main__":
    given = Command.read()
    mode.loop.use(given.settings.get("loop", "aio"))
    worker = faust.Worker(build(given), loglevel="ERROR")
    worker.spinner = None  # or it has a record made of every debug message: a ninth of the time
    worker.execute_from_commandline()

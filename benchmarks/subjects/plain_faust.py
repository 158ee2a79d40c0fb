"""The light fold as Faust's documentation writes it: an agent, a table in RocksDB with a changelog, event by event."""

import sys
import tempfile
from typing import Any

import faust

from benchmarks.light import fact_of


def build(bootstrap: str, source: str, target: str, partitions: int, data: str) -> faust.App:
    """A plain Faust application, at least once."""
    app = faust.App(
        target, broker=f"kafka://{bootstrap}", store="rocksdb://", datadir=data, web_enabled=False,
        topic_partitions=partitions, topic_disable_leader=True, consumer_auto_offset_reset="earliest",
    )  # fmt: skip
    inputs = app.topic(source, value_type=bytes, value_serializer="json", key_type=bytes, key_serializer="raw")
    output = app.topic(target, value_serializer="raw", key_serializer="raw")
    table: Any = app.Table("state", partitions=partitions)

    @app.agent(inputs)
    async def fold(events: Any) -> None:
        async for event in events:
            subject = event["subject"]
            count = (table.get(subject) or [0])[0] + 1
            fields = event["data"]["fields"]
            table[subject] = [count, 0, fields["counter"], fields["city"]]
            await output.send(key=subject.encode(), value=fact_of(event, count, 0))

    return app


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        application = build(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), directory)
        faust.Worker(application, loglevel="ERROR").execute_from_commandline()

"""The light fold in Quix Streams, exactly once: state in RocksDB with a changelog, facts to a topic.

Runs in an environment of its own (benchmarks/requirements.lock).
"""

import time
from typing import Any

from quixstreams import Application, State, message_context  # type: ignore[import-not-found,unused-ignore]

from benchmarks.fact import FIRST, fact_of, folded
from benchmarks.subjects.command import Command


def fold(event: dict[str, Any], state: State) -> bytes:
    """One update, one fact."""
    after = folded(state.get("s") or FIRST, event, message_context().offset)
    state.set("s", after)
    return fact_of(event, after[0], int(time.time() * 1000))


def build(command: Command) -> Application:
    """A Quix application; its JSON is orjson's."""
    app = Application(
        broker_address=command.bootstrap, consumer_group=command.target, auto_offset_reset="earliest",
        state_dir=str(command.data), processing_guarantee="exactly-once", commit_interval=5.0,
        commit_every=int(command.settings["commit_every"]), loglevel="ERROR",
    )  # fmt: skip
    inputs = app.topic(command.source, value_deserializer="json", key_deserializer="bytes")
    output = app.topic(command.target, value_serializer="bytes", key_serializer="bytes")
    app.dataframe(inputs).apply(fold, stateful=True).to_topic(output)
    return app


if __name__ == "__main__":
    build(Command.read()).run()

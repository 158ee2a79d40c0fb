"""`make bench`: every row, each peer in the same run, on one broker; prints a table and writes docs/benchmarks.md's."""

import argparse
import asyncio
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import load
from benchmarks.throughput import Result, Subject, measure, python
from connectors.kafka.embedded import EmbeddedKafka

PARTITIONS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    with ExitStack() as stack:
        bootstrap = os.environ.get("RECADO_KAFKA")
        if not bootstrap:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            bootstrap = stack.enter_context(EmbeddedKafka()).start(data)
        run(bootstrap, given.events, given.contacts)


def run(bootstrap: str, events: int, contacts: int) -> None:
    """The rows of throughput."""
    load.make_topics(bootstrap, {"light": PARTITIONS, "real": PARTITIONS})
    asyncio.run(load.write(bootstrap, "light", PARTITIONS, load.light(events, contacts)))
    asyncio.run(load.write(bootstrap, "real", PARTITIONS, load.real(events, contacts)))
    faust = measure(
        bootstrap, "light", PARTITIONS,
        Subject("plain Faust", python("plain_faust"), "at least once", min(events, 60_000)),
    )  # fmt: skip
    show(faust)
    engine = measure(
        bootstrap, "light", PARTITIONS, Subject("engine light", python("engine", "light"), "exactly once", events)
    )
    show(engine)
    print(f"  {engine.rate.per_second / faust.rate.per_second:.1f} times plain Faust")  # noqa: T201
    show(
        measure(bootstrap, "real", PARTITIONS, Subject("engine real", python("engine", "real"), "exactly once", events))
    )


def show(result: Result) -> None:
    rate = result.rate
    print(  # noqa: T201
        f"{result.subject.name:16} {rate.per_second:>10,.0f}/s  {result.subject.guarantee:14} "
        f"{rate.events:>9,} events in {rate.seconds:6.1f} s  CPU {result.cpu:6.1f} s  {result.memory:6.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""Transactional sends through a real worker to the simulated provider: how soon, and how many a second."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from time import time
from typing import Any

from aiokafka import AIOKafkaProducer

from benchmarks import load, site
from benchmarks.bench import PARTITIONS, Bench
from benchmarks.processes import Kind, python
from benchmarks.report import Row, Section, Table
from benchmarks.watch import WARM
from events.partition import partition_of
from events.topics import Role

P50, P99 = 12.0, 60.0  # ms
APART = 0.05  # seconds between two requests, a little more or less
FACTOR = 20.0
ANSWERS_IN = 0.02  # seconds, of the provider


def latency(bench: Bench) -> Section:
    """From just before a request is handed to the producer until the provider has accepted its SMS."""
    sending = site.of(bench)
    count, topic = bench.size.requests, sending.topic(Role.TRANSACTIONAL)
    first = len(asyncio.run(_ask(bench.bootstrap, topic, 0, count // 10 + 1)))
    sending.until_accepted(first)  # the worker has begun, and its connection is open
    asked = asyncio.run(_ask(bench.bootstrap, topic, first, count))
    sending.until_accepted(first + count)
    accepted = {entry["to"]: entry["at"] for entry in sending.entries()}
    took = sorted(accepted[to] - at for to, at in asked.items())
    half, most = took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]
    bench.say(f"  p50 {half} ms, p99 {most} ms")
    row = Row(
        "one transactional send at low load, request to provider's call", f"p50 {half} ms, p99 {most} ms", "", "", "",
        f"p50 under {P50:g} ms, p99 under {P99:g} ms", half < P50 and most < P99,
    )  # fmt: skip
    points = [("fastest", 0), ("p50", len(took) // 2), ("p90", len(took) * 9 // 10), ("p99", len(took) * 99 // 100)]
    lines = [(name, str(took[min(at, len(took) - 1)])) for name, at in (*points, ("slowest", len(took) - 1))]
    note = (
        f"{count} requests, one every {APART * 1000:.0f} ms or so, each through Kafka, one worker, its commit, and "
        "HTTP, with receipts coming back. Both moments are whole milliseconds of one machine's clock."
    )
    return Section([row], [Table("Latency of a send", ("of all", "ms"), lines, note)])


def sends(bench: Bench) -> Section:
    """As many as one worker makes while the provider takes its time, beside a Faust agent that awaits each call."""
    sending = site.of(bench)
    sending.provider_takes(ANSWERS_IN)
    topic = sending.topic(Role.TRANSACTIONAL)
    before = sending.accepted()
    requests = load.requests(bench.size.sends, site.ACCOUNT, f"sends-{before}")
    asyncio.run(load.write(bench.bootstrap, topic, PARTITIONS, requests))
    sending.until_accepted(before + bench.size.sends)
    ours = _per_second(sending.entries()[before:])
    bench.say(f"  Recado: {ours:,.0f}/s")
    before += bench.size.sends
    settings = {"url": sending.url, "token": sending.token}
    agent = Kind("plain Faust agent", python("faust_sender"), "at least once", settings)
    with bench.start(agent, topic, bench.name("faust-sender")):
        sending.until_accepted(before + bench.size.faust_sends)
    theirs = _per_second(sending.entries()[before:])
    bench.say(f"  plain Faust agent: {theirs:,.0f}/s")
    row = Row(
        f"transactional sends a second, one worker, provider answering in {ANSWERS_IN * 1000:.0f} ms", f"{ours:,.0f}",
        "a plain Faust agent awaiting each call", f"{theirs:,.0f}", f"{ours / theirs:.1f} times", f"{FACTOR:g} times",
        ours / theirs >= FACTOR,
    )  # fmt: skip
    return Section([row])


async def _ask(bootstrap: str, topic: str, first: int, count: int) -> dict[str, int]:
    """Ask for so many sends, one by one; by its number, when each was asked for (ms)."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0, acks="all")
    await producer.start()
    asked: dict[str, int] = {}
    chance = Random(1)  # noqa: S311 - not to fall into step with anything
    try:
        await producer.partitions_for(topic)
        for number in range(first, first + count):
            subject, to = load.subject_of(number, site.ACCOUNT), load.number_of(70_000_000 + number)
            data = {"to": {"alert": to}, "sender": "Acme", "text": f"Tu código es {number}"}
            value = load.request(subject, f"latency-{number}", data)
            home = partition_of(subject.encode(), PARTITIONS)
            asked[to] = int(time() * 1000)
            await producer.send(topic, value, key=subject.encode(), partition=home)
            await asyncio.sleep(APART * chance.uniform(0.5, 1.5))
    finally:
        await producer.stop()
    return asked


def _per_second(entries: Sequence[Mapping[str, Any]]) -> float:
    """By the provider's own clock, without the beginning."""
    at = sorted(entry["at"] for entry in entries)
    first = int(len(at) * WARM)
    return float((len(at) - 1 - first) / max(1, at[-1] - at[first]) * 1000)

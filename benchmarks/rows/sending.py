"""Sends through a real worker to the simulated provider: how soon, and how many a second, singly and by bulk."""

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
BULK_FACTOR = 100.0
BESIDE_P99 = 150.0  # ms, of a transactional send while a campaign runs
ANSWERS_IN = 0.02  # seconds, of the provider


def latency(bench: Bench) -> Section:
    """From just before a request is handed to the producer until the provider has accepted its SMS."""
    sending = site.of(bench)
    count, topic = bench.size.requests, sending.topic(Role.TRANSACTIONAL)
    first = len(asyncio.run(_ask(bench.bootstrap, topic, 0, count // 2 + 1)))
    sending.until_accepted(first)  # the worker has begun, its connection is open, the broker's Java is compiled
    asked = asyncio.run(_ask(bench.bootstrap, topic, first, count))
    sending.until_accepted(first + count)
    took = _took(sending, asked)
    half, most = _percentile(took, 50), _percentile(took, 99)
    bench.say(f"  p50 {half} ms, p99 {most} ms")
    row = Row(
        "one transactional send at low load, request to provider's call", f"p50 {half} ms, p99 {most} ms", "", "", "",
        f"p50 under {P50:g} ms, p99 under {P99:g} ms", half < P50 and most < P99,
    )  # fmt: skip
    note = (
        f"{count} requests, one every {APART * 1000:.0f} ms or so, each through Kafka, one worker, its commit, and "
        "HTTP, with receipts coming back; half as many before them are not measured. Both moments are whole "
        "milliseconds of one machine's clock."
    )
    return Section([row], [Table("Latency of a send", ("of all", "ms"), _points(took), note)])


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
    theirs = _faust(bench, sending, topic)
    row = Row(
        f"transactional sends a second, one worker, provider answering in {ANSWERS_IN * 1000:.0f} ms", f"{ours:,.0f}",
        "a plain Faust agent awaiting each call", f"{theirs:,.0f}", f"{ours / theirs:.1f} times", f"{FACTOR:g} times",
        ours / theirs >= FACTOR,
    )  # fmt: skip
    return Section([row])


def _faust(bench: Bench, sending: site.Sending, topic: str) -> float:
    """What a Faust agent that awaits each call sends a second, over the same topic."""
    before, settings = sending.accepted(), {"url": sending.url, "token": sending.token}
    agent = Kind("plain Faust agent", python("faust_sender"), "at least once", settings)
    with bench.start(agent, topic, bench.name("faust-sender")):
        sending.until_accepted(before + bench.size.faust_sends)
    theirs = _per_second(sending.entries()[before:])
    bench.say(f"  plain Faust agent: {theirs:,.0f}/s")
    return theirs


def campaign(bench: Bench) -> Section:
    """Newsletters, by up to 100 a call, beside a Faust agent that awaits a call for each."""
    sending = site.of(bench)
    sending.provider_takes(ANSWERS_IN)
    topic, before, count = sending.topic(Role.NEWSLETTER), sending.accepted(), bench.size.newsletters
    asyncio.run(
        load.write(bench.bootstrap, topic, PARTITIONS, load.requests(count, site.ACCOUNT, f"campaign-{before}"))
    )
    sending.until_accepted(before + count)
    ours = _per_second(sending.entries()[before:])
    bench.say(f"  Recado: {ours:,.0f}/s")
    theirs = _faust(bench, sending, topic)
    row = Row(
        f"newsletters a second by bulk, one worker, provider answering in {ANSWERS_IN * 1000:.0f} ms", f"{ours:,.0f}",
        "a plain Faust agent awaiting each call", f"{theirs:,.0f}", f"{ours / theirs:.1f} times",
        f"{BULK_FACTOR:g} times", ours / theirs >= BULK_FACTOR,
    )  # fmt: skip
    return Section([row])


def beside(bench: Bench) -> Section:
    """A transactional send's latency while a campaign runs as fast as it can, in the same worker."""
    sending = site.of(bench)
    sending.provider_takes(ANSWERS_IN)
    count, before, queued = bench.size.requests, sending.accepted(), bench.size.queued
    newsletters = load.requests(queued, site.ACCOUNT, f"beside-{before}")
    asyncio.run(load.write(bench.bootstrap, sending.topic(Role.NEWSLETTER), PARTITIONS, newsletters))
    sending.until_accepted(before + queued // 50)
    asked = asyncio.run(_ask(bench.bootstrap, sending.topic(Role.TRANSACTIONAL), before, count))
    going_on = sending.accepted() < before + queued
    sending.until_accepted(before + queued + count)
    took = _took(sending, asked)
    half, most = _percentile(took, 50), _percentile(took, 99)
    bench.say(f"  p50 {half} ms, p99 {most} ms; the campaign {'went on' if going_on else 'was over before the end'}")
    row = Row(
        "one transactional send while a campaign runs, request to provider's call",
        f"p50 {half} ms, p99 {most} ms",
        "", "", "", f"p99 under {BESIDE_P99:g} ms", going_on and most < BESIDE_P99,
    )  # fmt: skip
    note = (
        f"{count} requests, one every {APART * 1000:.0f} ms or so, behind {queued:,} newsletters in the same "
        "partitions, which the same worker sends meanwhile as fast as it can."
    )
    return Section([row], [Table("Latency of a send while a campaign runs", ("of all", "ms"), _points(took), note)])


def _took(sending: site.Sending, asked: Mapping[str, int]) -> list[int]:
    """Milliseconds from each request until the provider took its SMS, in order."""
    accepted = {entry["to"]: entry["at"] for entry in sending.entries()}
    return sorted(accepted[to] - at for to, at in asked.items())


def _percentile(took: Sequence[int], of: int) -> int:
    return took[min(len(took) - 1, len(took) * of // 100)]


def _points(took: Sequence[int]) -> list[tuple[str, str]]:
    named = [(f"p{of}", _percentile(took, of)) for of in (50, 90, 99)]
    return [(name, str(ms)) for name, ms in (("fastest", took[0]), *named, ("slowest", took[-1]))]


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

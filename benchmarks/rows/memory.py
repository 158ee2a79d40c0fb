"""A real worker's memory: with 100,000 contacts, and while ten times as much is asked as the provider accepts."""

import asyncio
from collections.abc import Iterator
from statistics import median
from time import monotonic, sleep

from benchmarks import load, site
from benchmarks.bench import PARTITIONS, Bench
from benchmarks.report import Row, Section, Table
from benchmarks.site import Sending
from events.topics import Role
from streams.engine.wiring import CACHED
from streams.sender import SINGLE_SLOTS

MOST = 400 * 2**20  # bytes
ACCEPTS = 320  # a second, where each call takes as long as ANSWERS_IN
ANSWERS_IN = SINGLE_SLOTS / ACCEPTS  # seconds
QUICK = 0.02  # seconds
OVER = 10  # times what the provider accepts
GROWN = 1.05  # of the last quarter against the second
STILL = 2.0  # seconds without a new fact: all is decided


def memory(bench: Bench) -> Section:
    """The last that is asked of the site, which is ended."""
    sending, size = site.of(bench), bench.size
    contacts = load.contacts(size.contacts, site.ACCOUNT)
    asyncio.run(load.write(bench.bootstrap, sending.topic(Role.CONTACTS), PARTITIONS, contacts))
    _settled(bench, sending, size.contacts)
    held = sending.usage().memory
    bench.say(f"  {held / 2**20:.0f} MiB with {size.contacts:,} contacts")
    if size.filled:
        _filled(bench, sending)
        bench.say(f"  {sending.usage().memory / 2**20:.0f} MiB behind {size.filled:,} newsletters")
    before, began = sending.accepted(), monotonic()
    series, asked = _overloaded(bench, sending)
    seconds = monotonic() - began
    accepted = (sending.accepted() - before) / seconds
    bench.resources.close()
    bench.sending = None
    peak = max(memory for _, memory in series)
    quarter = max(1, len(series) // 4)
    second, last = (median(memory for _, memory in part) for part in (series[quarter : 2 * quarter], series[-quarter:]))
    bench.say(f"  {peak / 2**20:.0f} MiB at most in {seconds:.0f} s of {asked / seconds:,.0f} requests a second")
    rows = [
        Row("a worker's memory at 100,000 contacts".replace("100,000", f"{size.contacts:,}"), _mib(held), "", "", "",
            "under 400 MiB", held < MOST),
        Row(f"the same, overloaded for {seconds / 60:.0f} minutes" if seconds >= 60 else
            f"the same, overloaded for {seconds:.0f} s", f"{_mib(peak)} at most", "its second quarter", _mib(second),
            f"{last / second:.2f} times in the last quarter", f"under 400 MiB, at most {GROWN} times",
            peak < MOST and last <= second * GROWN, f"{asked / seconds:,.0f} asked, {accepted:,.0f} accepted a second"),
    ]  # fmt: skip
    every = max(1, len(series) // 10)
    lines = [(f"{at:.0f}", f"{memory / 2**20:.0f}") for at, memory in series[::every]]
    note = (
        f"Before it {size.filled:,} newsletters were sent: a worker keeps the states of {CACHED:,} contacts and sends "
        "in memory, and had that many before the first second."
    ) if size.filled else ""  # fmt: skip
    return Section(rows, [Table("Memory under overload", ("seconds", "MiB resident"), lines, note)])


def _settled(bench: Bench, sending: Sending, at_least: int) -> None:
    """Until the journal has at least so many facts and no more come."""
    facts, since = -1, monotonic()
    while facts < at_least or monotonic() - since < STILL:
        found = bench.facts(sending.topic(Role.JOURNAL))
        if found != facts:
            facts, since = found, monotonic()
        sleep(0.2)


def _filled(bench: Bench, sending: Sending) -> None:
    """As many sends as fill what a worker keeps of states (streams/engine/wiring.py), to a provider that is quick."""
    sending.provider_takes(QUICK)
    before, count = sending.accepted(), bench.size.filled
    requests = load.requests(count, site.ACCOUNT, "filled")
    asyncio.run(load.write(bench.bootstrap, sending.topic(Role.NEWSLETTER), PARTITIONS, requests))
    sending.until_accepted(before + count)


def _overloaded(bench: Bench, sending: Sending) -> tuple[list[tuple[float, int]], int]:
    """The worker's memory, second by second, and how many sends were asked for meanwhile."""
    sending.provider_takes(ANSWERS_IN)
    a_second = ACCEPTS * OVER
    requests = _requests(bench.size.contacts)
    topic, began, asked = sending.topic(Role.TRANSACTIONAL), monotonic(), 0
    series = [(0.0, sending.usage().memory)]
    while (passed := monotonic() - began) < bench.size.overload:
        due = int((passed + 1) * a_second) - asked
        part = [next(requests) for _ in range(due)]
        asyncio.run(load.write(bench.bootstrap, topic, PARTITIONS, part))
        asked += due
        sleep(max(0.0, 1 - (monotonic() - began - passed)))
        series.append((monotonic() - began, sending.usage().memory))
    return series, asked


def _requests(contacts: int) -> Iterator[tuple[str, bytes]]:
    number = 0
    while True:
        subject = load.subject_of(number * 7919 % contacts, site.ACCOUNT)
        data = {"to": "contact", "sender": "Acme", "text": f"Tu pedido {number} llega hoy"}
        yield subject, load.request(subject, f"overload-{number}", data)
        number += 1


def _mib(size: float) -> str:
    return f"{size / 2**20:.0f} MiB"

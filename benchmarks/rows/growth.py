"""What one more costs: the same after 100,000 events as after 1,000,000, with a long history as with none."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import orjson

from benchmarks.bench import Bench
from benchmarks.inprocess import Folding, Landed
from benchmarks.machine import pace
from benchmarks.report import Row, Section, Table
from benchmarks.rows import real
from benchmarks.watch import Rate
from events import instant
from events.account import AccountConfigured, Connector, SealedToken
from events.envelope import Input
from events.topics import Role
from projections.account import Directory
from projections.send import Call
from streams.sender import SINGLE_SLOTS
from streams.workflow import SendingWorkflow

MOST = 1.5  # times what the first ones cost: a larger RocksDB has more levels, and that is all it may cost
CHUNK = 1_000  # sends whose cost is taken together
APART = 60_000  # ms between two sends: a history of months
BEGIN = 1_790_000_000_000
SUBJECT = "acme/ana@example.com"


def events(bench: Bench) -> Section:
    """The real fold over growing inputs, with ten events a contact.

    The smallest is run before, between and after the others, as a rented machine changes its pace meanwhile; the median
    of its runs is what they are compared with."""
    smallest, *larger = bench.size.growth
    order = [smallest, *(count for size in larger for count in (size, smallest))]
    runs = [(count, pace(), _growing(bench, count)) for count in order]
    first = median(_cpu(rate) for count, _, rate in runs if count == smallest)
    last = _cpu(runs[-2][2])
    grown = last / first
    row = Row(
        f"cost of an event, {order[-2]:,} events", f"{last:.1f} µs", f"{smallest:,} events",
        f"{first:.1f} µs", f"{grown:.2f} times", f"at most {MOST} times", grown <= MOST,
    )  # fmt: skip
    lines = [
        (f"{count:,}", f"{count // 10:,}", f"{rate.per_second:,.0f}", f"{_cpu(rate):.1f}",
         f"{rate.memory / 2**20:,.0f}", f"{before}")
        for count, before, rate in runs
    ]  # fmt: skip
    columns = ("events", "contacts", "events/s", "CPU µs an event", "MiB at most", "the machine's pace before it, ms")
    note = f"In the order in which they were run; of the runs over {smallest:,} events the median counts."
    return Section([row], [Table("Growing inputs", columns, lines, note)])


def _growing(bench: Bench, count: int) -> Rate:
    source, target = bench.source("real", count, count // 10), bench.journal("growth", own=True)
    rate = bench.run([real.worker()], source, count, told=True, target=target).rate()
    bench.drop(target)
    bench.say(f"  {count:,} events: {rate.per_second:,.0f}/s, {_cpu(rate):.1f} µs of CPU each")
    return rate


def _cpu(rate: Rate) -> float:
    """Microseconds of CPU an event; of wall time where the system tells of no CPU."""
    return (rate.cpu or rate.seconds) / rate.events * 1e6


def history(bench: Bench) -> Section:
    """One contact's sends, each accepted and delivered, after more and more of them."""
    with TemporaryDirectory(dir=bench.scratch) as data:
        measured = list(_histories(Path(data), bench.size.history))
    for length, cost in measured:
        bench.say(f"  a send after {length:,}: {cost:.0f} µs")
    grown = measured[-1][1] / measured[0][1]
    row = Row(
        f"cost of a contact's send after {measured[-1][0]:,} others", f"{measured[-1][1]:.0f} µs",
        f"after {measured[0][0]:,}", f"{measured[0][1]:.0f} µs", f"{grown:.2f} times", f"at most {MOST} times",
        grown <= MOST,
    )  # fmt: skip
    lines = [(f"{length:,}", f"{cost:.0f}") for length, cost in measured]
    note = (
        "One contact's sends with their answers and receipts, a minute apart, through the pipeline in one process: the "
        "mean of the next thousand after each length."
    )
    return Section([row], [Table("A long history", ("messages before", "CPU µs a send"), lines, note)])


class _Watch:
    """A clock that is moved by hand."""

    moment = BEGIN

    def now(self) -> int:
        return self.moment


class _Slots:
    """Free whenever they are asked for; remembers what may be called."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def free(self, role: Role) -> int:
        return 1_000_000

    def reserve(self, call: Call) -> None:
        return None

    def start(self, calls: Sequence[Call], tenure: int) -> None:
        self.calls.extend(calls)


def _histories(data: Path, lengths: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Length and microseconds of CPU a send, RocksDB's own threads included."""
    clock, slots = _Watch(), _Slots()
    accounts = Directory()
    connector = Connector(provider="instasent", base_url="https://example.com", token=SealedToken(sealed="x"))
    settings = AccountConfigured(country="ES", connector=connector)
    accounts.evolve(Input.of(settings, id="a", source="/bench", subject="acme", time=BEGIN), 0)
    inputs = (Role.ANSWERS, Role.CONTACTS, Role.CALLBACKS, Role.TRANSACTIONAL)
    workflow = SendingWorkflow(0, 1, accounts, b"k" * 32, lambda: 1)
    folding = Folding(data / "state", workflow, clock=clock, lanes=slots, inputs=inputs)
    fields = {"_mobilePhone": "612345678"}
    asyncio.run(
        _fold(folding, Role.CONTACTS, [_event(clock, "contact.updated", "c", {"via": "edit", "fields": fields})])
    )
    chunk, sent = min(CHUNK, lengths[0]), 0
    for length in lengths:
        asyncio.run(_some(folding, clock, slots, sent, length - sent))
        began = process_time()
        asyncio.run(_some(folding, clock, slots, length, chunk))
        yield length, (process_time() - began) / chunk * 1e6
        sent = length + chunk
    folding.store.close()


async def _some(folding: Folding, clock: _Watch, slots: _Slots, sent: int, count: int) -> None:
    """So many sends, as many at once as a worker has slots."""
    for at in range(sent, sent + count, SINGLE_SLOTS):
        await _at_once(folding, clock, slots, at, min(SINGLE_SLOTS, sent + count - at))


async def _at_once(folding: Folding, clock: _Watch, slots: _Slots, sent: int, count: int) -> None:
    """These sends, then their answers, then their receipts."""
    clock.moment += APART * count
    asked = {"to": "contact", "sender": "Acme", "text": "Hola", "labels": ["orders"]}
    await _fold(
        folding, Role.TRANSACTIONAL, [_event(clock, "send.requested", f"s{sent + at}", asked) for at in range(count)]
    )
    calls, slots.calls = slots.calls, []
    if len(calls) != count:
        raise RuntimeError(f"{len(calls)} of {count} sends were permitted")
    answers, receipts = [], []
    for call in calls:
        named = {"client_id": call.client_id, "provider_id": call.client_id}
        answer = {**named, "send_id": call.send_id, "attempt": 1, "outcome": "accepted"}
        answers.append(_event(clock, "answer.received", call.client_id, answer))
        received = {**named, "provider": "instasent", "received_at": instant.render(clock.moment)}
        receipt = {**received, "status": "delivered", "code": 0}
        receipts.append(_event(clock, "callback.received", f"r{call.client_id}", receipt, "acme"))
    await _fold(folding, Role.ANSWERS, answers)
    await _fold(folding, Role.CALLBACKS, receipts)
    folding.facts.clear()


async def _fold(folding: Folding, role: Role, values: Sequence[bytes]) -> None:
    start = folding.pipeline.positions[role]
    await folding.fold(role, [Landed(start + at, b"", value) for at, value in enumerate(values)])


def _event(clock: _Watch, kind: str, id_: str, data: object, subject: str = SUBJECT) -> bytes:
    envelope = {"specversion": "1.0", "id": id_, "source": "/bench", "type": f"recado.{kind}.v1", "subject": subject}
    return orjson.dumps({**envelope, "time": instant.render(clock.moment), "data": data})

"""A worker that lost its disk: its state back from the changelog, or from the journal alone."""

import asyncio
from collections.abc import Sequence

import orjson

from benchmarks import load
from benchmarks import peers as field
from benchmarks.bench import PARTITIONS, Bench, Run
from benchmarks.peers import ENGINE
from benchmarks.processes import Kind
from benchmarks.report import Row, Section, Table
from benchmarks.rows import light, real

RECOVERY = 20.0
REBUILD = 30.0
MILLION = 1_000_000
WITHIN = 600.0  # seconds


def recovery(bench: Bench) -> Section:
    """An empty worker on the changelog that a light fold has left, beside Faust's own recovery."""
    left = bench.kept.get("light") or _folded(bench)
    ours = []
    for _ in range(bench.size.rounds):
        ours.append(_recovered(bench, ENGINE, left.target, "records"))
        bench.say(f"  Recado: {ours[-1][0]:,.0f} records in {ours[-1][1]:.2f} s")
    records, seconds = middle(ours)
    faust = _of_faust(bench)
    bench.say(f"  plain Faust: {bench.size.faust_records:,} records in {faust:.2f} s")
    speed, other = records / seconds, bench.size.faust_records / faust
    row = Row(
        "recovery of an empty worker from the changelog, records/s", f"{speed:,.0f}", "Faust's own recovery",
        f"{other:,.0f}", f"{speed / other:.1f} times", f"{RECOVERY:g} times", speed / other >= RECOVERY,
        f"{records:,.0f} records in {seconds:.2f} s",
    )  # fmt: skip
    lines = [
        ("Recado", f"{records:,.0f}", " / ".join(f"{took:.2f}" for _, took in ours), f"{speed:,.0f}"),
        ("plain Faust", f"{bench.size.faust_records:,}", f"{faust:.2f}", f"{other:,.0f}"),
    ]
    table = Table(
        "Recovery", ("subject", "changelog records", "seconds", "records/s"), lines,
        "From the assignment of the partitions to the end of the recovery of all of them, the fence and the questions "
        "to the broker within. Recado: the changelog of the light fold, read into an empty RocksDB. Faust: a changelog "
        "as its table writes it; fewer records, since it takes its time with each.",
    )  # fmt: skip
    return Section([row], [table])


def rebuild(bench: Bench) -> Section:
    """The engine's state from the journal alone: the changelog is lost as well."""
    left = bench.kept.get("real") or real.single(bench)
    rounds = []
    for _ in range(bench.size.rounds):
        lost = bench.name("lost-state")
        bench.topics({lost: PARTITIONS}, {"cleanup.policy": "compact"})
        rounds.append(_recovered(bench, real.worker(state=lost, group=lost), left.target, "facts"))
        bench.drop(lost)
        bench.say(f"  {rounds[-1][0]:,.0f} facts in {rounds[-1][1]:.1f} s")
    facts, took = middle(rounds)
    seconds = took * MILLION / facts
    row = Row(
        "rebuild of the engine's state from the journal, 1,000,000 facts", f"{seconds:.1f} s", "", "",
        f"{facts:,.0f} facts in {took:.1f} s", f"{REBUILD:g} s", seconds < REBUILD,
    )  # fmt: skip
    lines = [(str(number + 1), f"{each:,.0f}", f"{took:.1f}") for number, (each, took) in enumerate(rounds)]
    table = Table(
        "Rebuild", ("round", "facts folded", "seconds"), lines,
        "From the assignment of the partitions until all of them have their state again, in RocksDB and in a new "
        "changelog, from the journal that the real fold has left.",
    )  # fmt: skip
    return Section([row], [table])


def middle(rounds: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The round whose seconds are in the middle, the slower of two."""
    return sorted(rounds, key=lambda each: each[1])[len(rounds) // 2]


def _folded(bench: Bench) -> Run:
    run = bench.run([ENGINE], light.source(bench), bench.size.events)
    bench.keep("light", run)
    return run


def _recovered(bench: Bench, kind: Kind, target: str, what: str) -> tuple[float, float]:
    """How many records or facts, and seconds of a take-over with nothing on disk."""
    source = light.source(bench) if kind is ENGINE else bench.source("real")
    with bench.start(kind, source, target) as worker:
        worker.wait_for("recovered", PARTITIONS, WITHIN)
        return worker.told[what], worker.told["seconds"]


def _of_faust(bench: Bench) -> float:
    """Seconds of Faust's own recovery, of a changelog written for it."""
    source, target = bench.name("nothing"), bench.name("faust-recovery")
    changelog = f"{target}-state-changelog"
    bench.topics({source: PARTITIONS, target: PARTITIONS})
    bench.topics({changelog: PARTITIONS}, {"cleanup.policy": "compact"})
    updates = load.light(bench.size.faust_records, bench.size.contacts)
    states = (
        (subject, orjson.dumps(subject), orjson.dumps([1, number, number, "Gijón"]))
        for number, (subject, _) in enumerate(updates)
    )
    asyncio.run(load.write_keyed(bench.bootstrap, changelog, PARTITIONS, states))
    with bench.start(field.FAUST, source, target) as worker:
        worker.wait_for("recovered", PARTITIONS, WITHIN)
        seconds = worker.told["seconds"]
    bench.drop(target)
    return seconds

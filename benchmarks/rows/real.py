"""Contact updates through the product's own workflow: validate, normalise phones, decide, facts."""

import os
from statistics import median as middle_of

from benchmarks import inprocess
from benchmarks.bench import Bench, Run
from benchmarks.processes import Kind, python
from benchmarks.report import Row, Section, Table
from benchmarks.rows.light import median

REACH = 30_000
PAIR = 1.7
CORES = 4  # below, the broker and two workers cannot each have one
PAIR_WARM = 0.3  # of two workers: the second one's joining lies in it


def worker(name: str = "bench", **settings: str) -> Kind:
    """An engine with the product's workflow."""
    return Kind("Recado, real fold", python("engine"), "exactly once", {"kind": "real", "worker": name, **settings})


def single(bench: Bench) -> Run:
    """One worker over the whole input. Its topics stay, for the rebuild."""
    target = bench.journal("real", own=True)
    run = bench.run([worker()], bench.source("real"), bench.size.events, told=True, target=target)
    bench.keep("real", run)
    return run


def fold(bench: Bench) -> Section:
    """Its speed on one core, and what each step costs."""
    size, rates = bench.size, []
    for number in range(size.rounds):
        rates.append(single(bench).rate())
        bench.say(f"  round {number + 1}: {rates[-1].per_second:,.0f}/s")
    rate = median(rates)
    row = Row(
        "contact projection: the real fold, one worker, events/s", f"{rate.per_second:,.0f}", "", "",
        f"{rate.per_cpu_second:,.0f} a CPU second", f"{REACH:,}", rate.per_second >= REACH,
    )  # fmt: skip
    lines = [
        (str(number + 1), f"{each.per_second:,.0f}", f"{each.per_cpu_second:,.0f}", f"{each.memory / 2**20:,.0f}")
        for number, each in enumerate(rates)
    ]
    table = Table(
        "The real fold", ("round", "events/s", "events a CPU second", "MiB at most"), lines,
        f"{size.events:,} updates of {size.contacts:,} contacts; one in five names a phone, in one of four "
        "ways to write it, one in ten a subscription. Journal and changelog are configured as the product's are on the "
        "embedded broker, which writes each batch to disk before it answers.",
    )  # fmt: skip
    steps = inprocess.costs("real", min(size.events, inprocess.MOST), size.contacts, bench.scratch)
    return Section([row], [table, steps])


def two_workers(bench: Bench) -> Section:
    """Two workers on two halves of the partitions, beside one on all."""
    ones, twos = [], []
    for number in range(max(1, bench.size.rounds - 1)):
        ones.append(single(bench).rate(PAIR_WARM))
        target = bench.journal("pair", own=True)
        kinds = [worker("bench-1"), worker("bench-2")]
        run = bench.run(kinds, bench.source("real"), bench.size.events, told=True, target=target)
        bench.drop(target)
        twos.append(run.rate(PAIR_WARM))
        bench.say(f"  round {number + 1}: one {ones[-1].per_second:,.0f}/s, two {twos[-1].per_second:,.0f}/s")
    one, two = (middle_of(rate.per_second for rate in rates) for rates in (ones, twos))
    cores = os.cpu_count() or 1
    row = Row(
        "two workers on two halves of the partitions, events/s", f"{two:,.0f}", "one worker", f"{one:,.0f}",
        f"{two / one:.2f} times", f"{PAIR} times where cores allow", two / one >= PAIR if cores >= CORES else None,
        "" if cores >= CORES else f"{cores} cores are shared by two workers and the broker",
    )  # fmt: skip
    return Section([row])

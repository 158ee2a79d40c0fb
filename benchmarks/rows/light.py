"""The engine beside its peers: the fixed light fold over one input, in turns, on one broker."""

from collections.abc import Mapping, Sequence

from benchmarks import agreement, inprocess
from benchmarks import peers as field
from benchmarks.bench import Bench
from benchmarks.peers import Peer
from benchmarks.processes import Kind
from benchmarks.report import Bar, Row, Section, Table
from benchmarks.watch import Rate

WHAT = "the engine: light fold, one worker, events/s"
REACH = {"plain Faust": 15.0, "Quix Streams": 1.5, "Kafka Streams": 1.0}
BEYOND = 1.3  # times the events that are measured lie in the input: a long commit interval is not waited for at its end
TRIAL_WARM = 0.5  # of a trial: Java compiles through the first 300,000 events


def peers(bench: Bench) -> Section:
    """Every subject once in each round; the median round counts."""
    size = bench.size
    light = source(bench)
    tables: list[Table] = []
    absent: dict[str, str] = {}
    wanted: dict[str, tuple[Kind, int]] = {}
    others = [field.faust(), *((field.quix(), field.kafka_streams()) if size.peers else ())]
    present = [peer for peer in others if not peer.missing]
    agreement.check(bench, [field.ENGINE, *(peer.with_settings(peer.candidates[0]) for peer in present)])
    for peer in others:
        name = peer.kind.name
        if peer in present:
            events = min(size.events, size.faust_events) if name == field.FAUST.name else size.events
            settings = peer.candidates[0]
            if size.trial_events:
                settings, tried = _tuned(bench, light, peer, min(size.trial_events, events))
                tables.append(tried)
            wanted[name] = (peer.with_settings(settings), events)
        else:
            absent[name] = peer.missing
            bench.say(f"  {name} is left out: {peer.missing}")
    wanted[field.ENGINE.name] = (field.ENGINE, size.events)
    rates: dict[str, list[Rate]] = {name: [] for name in wanted}
    for number in range(size.rounds):
        for name, (kind, events) in wanted.items():
            run = bench.run([kind], light, events)
            rates[name].append(run.rate())
            bench.say(f"  round {number + 1}: {name} {run.rate().per_second:,.0f}/s")
            if kind is field.ENGINE:
                bench.keep("light", run)
            else:
                bench.drop(run.target)
    middle = {name: median(each) for name, each in rates.items()}
    ours = middle[field.ENGINE.name].per_second
    rows = [_row(name, ours, middle.get(name), absent.get(name, "not asked for")) for name in REACH]
    bars = [Bar(f"{name}, {wanted[name][0].guarantee}", rate.per_second, name == field.ENGINE.name)
            for name, rate in middle.items()]  # fmt: skip
    steps = inprocess.costs("light", min(size.events, inprocess.MOST), size.contacts, bench.scratch)
    return Section(rows, [_table(wanted, rates, middle), *tables, steps], bars)


def source(bench: Bench) -> str:
    """The topic of input, with more in it than is measured."""
    return bench.source("light", round(bench.size.events * BEYOND))


def median(rates: Sequence[Rate]) -> Rate:
    """The round in the middle, the slower of two."""
    return sorted(rates, key=lambda rate: rate.per_second)[(len(rates) - 1) // 2]


def _tuned(bench: Bench, light: str, peer: Peer, events: int) -> tuple[Mapping[str, str], Table]:
    """The best of a peer's settings, by the later part of a shorter run of each."""
    found: list[tuple[float, Mapping[str, str]]] = []
    for settings in peer.candidates:
        run = bench.run([peer.with_settings(settings)], light, events)
        found.append((run.rate(TRIAL_WARM).per_second, settings))
        bench.drop(run.target)
    best = max(found, key=lambda each: each[0])[1]
    differing = [name for name in best if len({each[name] for _, each in found}) > 1]
    lines = [
        (
            ", ".join(f"{name}={settings[name]}" for name in differing),
            f"{speed:,.0f}" + (" (taken)" * (settings is best)),
        )
        for speed, settings in found
    ]
    same = ", ".join(f"{name}={value}" for name, value in best.items() if name not in differing)
    note = f"For all of them: {same}." if same else ""
    return best, Table(f"{peer.kind.name}: the settings tried", ("settings", "events/s"), lines, note)


def _row(name: str, ours: float, rate: Rate | None, absent: str) -> Row:
    reach = REACH[name]
    if rate is None:
        return Row(WHAT, f"{ours:,.0f}", name, "-", "-", f"{reach:g} times", None, absent)
    factor = ours / rate.per_second
    guarantee = "at least once" if name == field.FAUST.name else "exactly once"
    return Row(
        WHAT, f"{ours:,.0f}", f"{name} ({guarantee})", f"{rate.per_second:,.0f}", f"{factor:.2f} times",
        f"{reach:g} times", factor >= reach,
    )  # fmt: skip


def _table(
    wanted: Mapping[str, tuple[Kind, int]], rates: Mapping[str, Sequence[Rate]], middle: Mapping[str, Rate]
) -> Table:
    lines = [
        (
            name, wanted[name][0].guarantee, f"{wanted[name][1]:,}", f"{middle[name].per_second:,.0f}",
            " / ".join(f"{rate.per_second:,.0f}" for rate in each), f"{middle[name].per_cpu_second:,.0f}",
            f"{max(rate.memory for rate in each) / 2**20:,.0f}",
        )
        for name, each in rates.items()
    ]  # fmt: skip
    columns = ("subject", "guarantee", "events", "events/s, median", "rounds", "events a CPU second", "MiB at most")
    return Table(
        "The light fold", columns, lines,
        "Each event is decoded from JSON, changes four fields of its contact's state, which lies in RocksDB and in a "
        "changelog, and leaves one fact. The first fifth of a run is not measured. Facts count when a reader of "
        "committed records could read them. CPU is that of the subject alone, not of the broker.",
    )  # fmt: skip

"""`recado import` of a CSV: rows read, validated and durable in Kafka on one core, and its memory whatever the size."""

import base64
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import orjson

from benchmarks import load
from benchmarks.bench import PARTITIONS, Bench
from benchmarks.processes import ROOT
from benchmarks.report import Row, Section, Table
from connectors.kafka.admin import ensure_topics

REACH = 10_000  # rows a CPU second
GROWN = 1.1  # times the memory of a file of a tenth
WRONG = 100  # of so many rows, one is refused
_ACCOUNT = "acme"
_LOOK = 0.02  # seconds between looks at its memory


@dataclass(frozen=True, slots=True)
class Imported:
    """What one import took: seconds of wall time, CPU seconds of its process, and the most memory of its own, bytes."""

    rows: int
    size: int
    seconds: float
    cpu: float
    memory: int


def imports(bench: Bench) -> Section:
    """A small file and one of ten times as many rows: what lies between them is without the start of the process."""
    prefix = f"{bench.name('imports')}."
    ensure_topics(bench.bootstrap, prefix, PARTITIONS, 1, embedded=True)
    environment = _environment(bench, prefix)
    _recado(environment, "account", "set", _ACCOUNT, "--country", "ES").check_returncode()
    found = [_import(bench, environment, rows) for rows in bench.size.imports]
    small, large = found[0], found[-1]
    cpu = max(large.cpu - small.cpu, sys.float_info.epsilon)
    speed = (large.rows - small.rows) / cpu
    rows = [
        Row("import of a CSV: rows validated and written, a CPU second", f"{speed:,.0f}", "", "",
            f"{large.rows / large.seconds:,.0f} a second of wall time", f"{REACH:,}", speed >= REACH),
        Row(f"memory of an import of {large.rows:,} rows", _mib(large.memory), f"{small.rows:,} rows",
            _mib(small.memory), f"{large.memory / max(small.memory, 1):.2f} times", f"at most {GROWN} times",
            large.memory <= small.memory * GROWN),
    ]  # fmt: skip
    lines = [
        (
            f"{each.rows:,}", f"{each.size / 2**20:.1f}", f"{each.seconds:.1f}", f"{each.cpu:.1f}",
            f"{each.memory / 2**20:.0f}",
        )
        for each in found
    ]  # fmt: skip
    note = (
        f"`recado import` as people run it, in a process of its own, until all is durable in Kafka: five columns, the "
        f"phones in four ways of writing them, one row in {WRONG} refused. CPU is that of the process alone. Memory is "
        "its own: the table of the contacts seen so far lies in a file, of which the system caches what it likes."
    )
    return Section(
        rows, [Table("Imports", ("rows", "MiB of CSV", "seconds", "CPU seconds", "MiB at most"), lines, note)]
    )


def _import(bench: Bench, environment: dict[str, str], rows: int) -> Imported:
    path = bench.scratch / f"contacts-{rows}.csv"
    _write(path, rows)
    began, memory = monotonic(), 0
    command = (sys.executable, "-m", "streams.cli", "import", str(path), "--account", _ACCOUNT, "--json")
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            memory = max(memory, _own_memory(process.pid))
            sleep(_LOOK)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        told = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"recado import ended with status {process.returncode}")
    seconds, usage = monotonic() - began, ended[2]
    done = orjson.loads(told)
    if (done["imported"], done["refused"]) != (rows - rows // WRONG, rows // WRONG):
        raise RuntimeError(f"of {rows:,} rows {done['imported']:,} were imported and {done['refused']:,} refused")
    bench.say(f"  {rows:,} rows in {seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} of CPU")
    size = path.stat().st_size
    path.unlink()
    return Imported(rows, size, seconds, usage.ru_utime + usage.ru_stime, memory)


def _write(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("email,Teléfono móvil,_smsSubscriptionStatus,first_name,city\n")
        for number in range(rows):
            phone = "12" if number % WRONG == WRONG - 1 else load.PHONES[number % len(load.PHONES)].format(number)
            city = load.CITIES[number % len(load.CITIES)]
            file.write(f"contact{number:07}@example.com,{phone},subscribed,Zoë,{city}\n")


def _recado(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = (sys.executable, "-m", "streams.cli", *arguments)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)


def _environment(bench: Bench, prefix: str) -> dict[str, str]:
    """Everything but the settings of whoever runs the bench."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return kept | {
        "RECADO_KAFKA": bench.bootstrap, "RECADO_TOPIC_PREFIX": prefix, "RECADO_PARTITIONS": str(PARTITIONS),
        "RECADO_SECRET": base64.b64encode(bytes(32)).decode(), "RECADO_DATA": str(bench.scratch / "imports"),
    }  # fmt: skip


def _own_memory(pid: int) -> int:
    """Resident bytes that belong to no file; 0 where there is no /proc, and for what has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"

"""The peers that are not dependencies of the product: where they are, or why they are not here."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.processes import ROOT, Kind, python

QUIX_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
STREAMS_PROJECT = ROOT / "benchmarks" / "kafka-streams"
STREAMS_BUILT = ROOT / ".benchmarks" / "kafka-streams"
BUILD_WITHIN = 300.0  # seconds, with the downloads


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer with the settings that are tried for it; the best is measured. `missing` says why it is not here."""

    kind: Kind
    candidates: tuple[Mapping[str, str], ...]
    missing: str = ""

    def with_settings(self, settings: Mapping[str, str]) -> Kind:
        return replace(self.kind, settings=settings)


ENGINE = Kind("Recado", python("engine"), "exactly once", {"kind": "light"})
FAUST_SETTINGS: tuple[Mapping[str, str], ...] = tuple(
    {"producer_linger": linger, "producer_max_batch_size": batch, "loop": loop, "cython_optimizations": cython}
    for linger, batch, loop, cython in (
        ("0.02", "262144", "uvloop", "true"),
        ("0.02", "262144", "aio", "false"),
        ("0", "16384", "uvloop", "true"),
        ("0", "16384", "aio", "false"),  # as Faust is when nothing is set
    )
)
FAUST = Kind("plain Faust", python("plain_faust"), "at least once", FAUST_SETTINGS[0])


def faust() -> Peer:
    """Faust without an engine, which is here as the product depends on it."""
    return Peer(FAUST, FAUST_SETTINGS)


def quix() -> Peer:
    """Quix Streams in `.venv-bench`, which `make bench` makes."""
    missing = "" if QUIX_PYTHON.exists() else "`.venv-bench` is not there: `make bench` makes it"
    kind = Kind("Quix Streams", python("quix", str(QUIX_PYTHON)), "exactly once", {})
    return Peer(kind, tuple({"commit_every": str(every)} for every in (2_000, 8_000, 20_000)), missing)


def kafka_streams() -> Peer:
    """Kafka Streams, compiled here first. Blocks for as long as Maven takes."""
    kind = Kind("Kafka Streams", (), "exactly_once_v2", {})
    missing = _build()
    if not missing:
        classpath = os.pathsep.join((str(STREAMS_BUILT / "classes"), str(STREAMS_BUILT / "lib" / "*")))
        kind = replace(kind, prefix=("java", "-Xms1g", "-Xmx1g", "-cp", classpath, "LightFold"))
    base = {
        "linger.ms": "20", "batch.size": "262144", "buffer.memory": "134217728", "max.poll.records": "10000",
        "fetch.max.bytes": "16777216", "max.partition.fetch.bytes": "4194304",
    }  # fmt: skip
    candidates = tuple(
        {**base, "commit.interval.ms": interval, "cached": cached}
        for interval in ("100", "500", "1000", "5000")
        for cached in ("false", "true")
        if interval != "100" or cached == "false"
    )
    return Peer(kind, candidates, missing)


def _build() -> str:
    """Compile the Maven project; why it could not be, or nothing."""
    for program in ("java", "javac", "mvn"):
        if shutil.which(program) is None:
            return f"`{program}` is not on this machine"
    try:
        built = subprocess.run(
            ["mvn", "--quiet", "--batch-mode", "compile"], cwd=STREAMS_PROJECT, capture_output=True, text=True,
            timeout=BUILD_WITHIN, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"Maven did not end within {BUILD_WITHIN:.0f} s"
    if built.returncode:
        return f"Maven failed: {(built.stdout + built.stderr).strip()[-200:]}"
    return ""


def installed(python_: Path, package: str) -> str:
    """The version of a package in another environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    asked = subprocess.run([str(python_), "-c", code], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "?"

"""The machine that was measured on: what a reader needs to judge the figures, and nothing that names it."""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.peers import QUIX_PYTHON, installed
from benchmarks.processes import ROOT

OURS = ("aiokafka", "faust-streaming", "rocksdict", "orjson", "pydantic", "phonenumbers", "aiohttp")


def describe(broker: str) -> Mapping[str, str]:
    """What is what; `broker` says which Kafka it was."""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory() / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "broker": broker,
        "Python": f"{platform.python_version()}; "
        + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in OURS),
        "last run": today(),
    }
    if QUIX_PYTHON.exists():
        found["Quix Streams"] = installed(QUIX_PYTHON, "quixstreams")
    if shutil.which("java"):
        asked = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
        found["Java of Kafka Streams"] = (asked.stderr.splitlines() or ["?"])[0]
    return found


def today() -> str:
    """The day, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def commit() -> str:
    """The code that is measured, as Git names it, with + where its files were changed since; empty without Git."""
    told = []
    for asked in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no", "--", ":!docs")):
        try:
            answer = subprocess.run(["git", *asked], cwd=ROOT, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return ""
        told.append(answer.stdout.strip())
    return told[0] + "+" * bool(told[1])


def pace() -> int:
    """Milliseconds that a fixed piece of Python work takes now, the least of three: machines that are rented change
    their speed under one's hands, and figures of two runs compare only where this does."""
    return min(_work() for _ in range(3))


def _work() -> int:
    began = perf_counter()
    for number in range(20_000):
        json.loads(json.dumps({"number": number, "list": [1, 2, 3], "within": {"text": "x"}}))
    return round((perf_counter() - began) * 1000)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

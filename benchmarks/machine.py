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
from connectors.kafka.jars import KAFKA_VERSION

OURS = ("aiokafka", "faust-streaming", "rocksdict", "orjson", "pydantic", "phonenumbers", "aiohttp")


def describe(broker: str) -> Mapping[str, str]:
    """What is what; `broker` says whose Kafka it was."""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory() / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "broker": f"Apache Kafka {KAFKA_VERSION} {broker}, on the same cores as what is measured",
        "Python": f"{platform.python_version()}; "
        + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in OURS),
        "measured": today(),
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

"""Rows of throughput: subjects side by side on one topic of input, measured at the broker."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.watch import Rate, watch
from benchmarks.load import make_topics

START = 90.0  # seconds a subject may take before its facts come


@dataclass(frozen=True, slots=True)
class Subject:
    """A program to measure: `facts` of the input are enough for it (a slow one need not read all)."""

    name: str
    command: tuple[str, ...]
    guarantee: str
    facts: int


@dataclass(frozen=True, slots=True)
class Result:
    subject: Subject
    rate: Rate
    cpu: float  # seconds of the process for the whole run; 0 where it does not say
    memory: float  # MiB resident at most; 0 where it does not say


def python(module: str, *more: str) -> tuple[str, ...]:
    """The command of a subject written in Python."""
    return (sys.executable, "-m", f"benchmarks.subjects.{module}", *more)


def measure(bootstrap: str, source: str, partitions: int, subject: Subject, seconds: float = 300.0) -> Result:
    """Run one subject on `source` from its beginning into topics of its own, and end it."""
    target = f"{source}-{subject.name}".replace(" ", "-").lower()
    make_topics(bootstrap, {target: partitions}, message_timestamp_type="LogAppendTime")
    make_topics(bootstrap, {f"{target}-state": partitions}, cleanup_policy="compact")
    module = subject.command[:3]
    command = [*module, bootstrap, source, target, str(partitions), *subject.command[3:]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        rate = asyncio.run(watch(bootstrap, target, partitions, subject.facts, START + seconds))
    finally:
        process.send_signal(signal.SIGKILL)
        told, _ = process.communicate()
    lines = [line.split() for line in (told or "").splitlines() if line[:1].isdigit()]
    cpu, memory = (float(lines[-1][1]), float(lines[-1][2]) / 1024) if lines else (0.0, 0.0)
    return Result(subject, rate, cpu, memory)

"""The parts of `make bench`: each a function from a Bench to a Section, in the order of the page."""

from collections.abc import Callable, Mapping

from benchmarks.bench import Bench
from benchmarks.report import Section
from benchmarks.rows import growth, imports, light, memory, real, recovery, sending

ROWS: Mapping[str, Callable[[Bench], Section]] = {
    "light": light.peers,
    "real": real.fold,
    "workers": real.two_workers,
    "recovery": recovery.recovery,
    "rebuild": recovery.rebuild,
    "imports": imports.imports,
    "latency": sending.latency,
    "sends": sending.sends,
    "campaign": sending.campaign,
    "beside": sending.beside,
    "memory": memory.memory,
    "growth": growth.events,
    "history": growth.history,
}

LASTING = frozenset(("memory", "growth"))
"""Rows of which a shorter measurement does not replace a longer one on the page."""

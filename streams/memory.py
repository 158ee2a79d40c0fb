"""How the interpreter's memory is set for a worker: a process that makes millions of small, short-lived values."""

import gc

# Cyclic garbage is rare here, and a pass over a heap of cached states costs more than all decisions between two passes:
# the default thresholds (700, 10, 10) made the real fold a third slower (docs/benchmarks.md).
THRESHOLDS = (100_000, 50, 100)


def settle() -> None:
    """Call once, when everything was imported and before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)

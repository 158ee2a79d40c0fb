"""How the interpreter's memory is set for a worker: a process that makes millions of small, short-lived values."""

import gc
import sys

# Cyclic garbage is rare here, and a pass over a heap of cached states costs more than all decisions between two
# passes: with the default thresholds (700, 10, 10) the real fold runs at six tenths of its speed.
THRESHOLDS = (100_000, 50, 100)
# Seconds a thread keeps the interpreter while another waits for it. The consumer's thread waits at each of its system
# calls, so a send that comes while the deciders are busy waits some twenty times as long as this.
SWITCH = 0.001


def settle() -> None:
    """Call once, when everything was imported and before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH)

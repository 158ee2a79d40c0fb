"""How the interpreter's memory is set for a worker: a process that makes millions of small, short-lived values."""

import gc
import sys

# Cyclic garbage is rare here, and a pass over a heap of cached states costs more than all decisions between two
# passes: with the default thresholds (700, 10, 10) the real fold runs at six tenths of its speed.
THRESHOLDS = (100_000, 50, 100)
# Seconds a thread keeps the interpreter while another waits for it. At the default of 5 ms the consumer's thread and
# the deciders' interrupt each other all the time, and neither is in such a hurry: the real fold gains a tenth.
SWITCH = 0.02


def settle() -> None:
    """Call once, when everything was imported and before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH)

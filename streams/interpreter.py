"""How the interpreter is set for a worker: a process that makes millions of small, short-lived values and lives in its
event loops."""

import asyncio
import gc
import sys

import uvloop

from connectors.kafka.connection import heed_closed

# Cyclic garbage is rare here, and a pass over a heap of cached states costs more than all decisions between two
# passes: with the default thresholds (700, 10, 10) the real fold runs at six tenths of its speed.
THRESHOLDS = (100_000, 50, 100)
# Seconds a thread keeps the interpreter while another waits for it. The consumer's thread waits at each of its system
# calls, so a send that comes while the deciders are busy waits some twenty times as long as this.
SWITCH = 0.001


def settle() -> None:
    """Call once, when everything was imported and before the first event loop begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    heed_closed()

"""A child process lives no longer than the supervisor that started it, even when that one dies of SIGKILL.

On Linux the kernel does it (prctl PR_SET_PDEATHSIG); elsewhere a thread looks twice a second for the parent. The child
is killed, not asked: its broker goes at the same moment, and the engine is built to lose nothing by it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

ENVIRONMENT = "_RECADO_PARENT"  # the supervisor's process id, set for its children only; no setting of a person's
_PR_SET_PDEATHSIG = 1
_LOOK_EVERY = 0.5  # seconds


def bind() -> None:
    """Tie this process to the supervisor named in the environment. Does nothing where there is none."""
    text = os.environ.get(ENVIRONMENT, "")  # kept: a worker that starts itself again is bound again
    if not text.isdigit():
        return
    parent = int(text)
    if not _ask_kernel():
        threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _ask_kernel() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def _watch(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGKILL)

"""The lock of an embedded broker's data directory: who runs a broker on it, and where that one listens.

The watchdog inherits it, so it is held until the broker has gone, whatever becomes of the owner.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO, Final

from connectors.kafka import watchdog
from connectors.kafka.errors import BrokerUnavailable

NAME: Final = "owner.lock"
HANDOVER: Final = watchdog.GRACE + 5.0  # seconds that a broker whose owner died may take to be gone
POLL: Final = 0.02  # seconds between tries


def running(data: Path) -> str | None:
    """The bootstrap address of the embedded broker that some process runs on `data`, or None. Does not block."""
    try:
        with (data / "kafka" / NAME).open("r+") as lock:
            if _try(lock):
                return None
            bootstrap = _read(lock).get("bootstrap")
            return bootstrap if isinstance(bootstrap, str) else None
    except OSError:
        return None


def hold(lock: IO[str], data: Path) -> None:
    """Take the lock; a broker whose owner died is waited for. Raises BrokerUnavailable where the owner lives."""
    deadline = time.monotonic() + HANDOVER
    while not _try(lock):
        owner = _read(lock).get("pid")
        if isinstance(owner, int) and _lives(owner):
            where = _read(lock).get("bootstrap")
            raise BrokerUnavailable(
                f"{data.parent} is in use: process {owner} runs the embedded Kafka on it, at {where}",
                f"stop process {owner}, or set RECADO_DATA to another directory",
            )
        if time.monotonic() > deadline:
            raise BrokerUnavailable(
                f"{data.parent} is in use by a Kafka whose owner has gone",
                f"end the process that holds {data / NAME}, or set RECADO_DATA to another directory",
            )
        time.sleep(POLL)  # the owner died: its watchdog is shutting the broker down


def await_release(data: Path) -> None:
    """A broker whose watchdog was killed may still be dying: until it has gone, nobody can take its place."""
    deadline = time.monotonic() + HANDOVER
    with (data / NAME).open("r+") as lock:
        while not _try(lock) and time.monotonic() < deadline:
            time.sleep(POLL)


def write(lock: IO[str], owner: dict[str, object]) -> None:
    """Say who holds the lock: its `pid`, and the `bootstrap` address of its broker."""
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps(owner))
    lock.flush()


def last_port(lock: IO[str]) -> int | None:
    """The port that the last owner's broker listened on."""
    port = str(_read(lock).get("bootstrap", "")).rpartition(":")[2]
    return int(port) if port.isdigit() else None


def _try(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(lock: IO[str]) -> dict[str, object]:
    lock.seek(0)
    try:
        found = json.loads(lock.read() or "{}")
    except ValueError:  # cut short by a crash while it was written
        return {}
    return found if isinstance(found, dict) else {}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

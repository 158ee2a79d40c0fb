"""RECADO_WORKER: a worker's stable name in the consumer group.

A worker that restarts under its old name gets its partitions back at once; two that run under one name would throw
each other out. So names are kept in RECADO_DATA/workers, one for each worker there, held by a lock that ends with it.
"""

import fcntl
import re
import secrets
from pathlib import Path
from typing import IO, Self

from streams.setting_error import SettingError

MAX_WORKERS = 256  # on one machine


class WorkerName:
    """A name while it is held. The lock goes when this is released, collected, or its process dies."""

    def __init__(self, name: str, lock: IO[str]) -> None:
        self.name = name
        self._lock = lock

    def release(self) -> None:
        """Let another worker have the name."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def claim(data: Path, wanted: str | None) -> WorkerName:
    """Hold `wanted`, or, where it is None, the first kept name that no running worker holds; make a further one if all
    are. Raises SettingError where `wanted` is held by a worker on this machine. Writes under `data`/workers."""
    directory = data / "workers"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if wanted is not None:
            lock = _hold(directory / f"named.{wanted}")
            if lock is None:
                raise SettingError("RECADO_WORKER", wanted, "is the name of one worker, and one that runs here has it")
            return WorkerName(wanted, lock)
        for number in range(1, MAX_WORKERS + 1):
            lock = _hold(directory / f"{number:03d}")
            if lock is not None:
                return WorkerName(_kept(lock, number), lock)
    except OSError as error:
        raise SettingError(
            "RECADO_DATA", str(data), f"is a directory of yours to write in ({error.strerror})"
        ) from error
    raise SettingError("RECADO_WORKER", None, f"has to be set: {MAX_WORKERS} workers run on {data} already")


def _hold(path: Path) -> IO[str] | None:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _kept(lock: IO[str], number: int) -> str:
    lock.seek(0)
    name = lock.read().strip()
    if not re.fullmatch(r"worker-[0-9a-f]{8}-[0-9]{1,3}", name):
        # Random, because other machines of the group count from 1 too.
        name = f"worker-{secrets.token_hex(4)}-{number}"
        lock.seek(0)
        lock.truncate()
        lock.write(name)
        lock.flush()
    return name

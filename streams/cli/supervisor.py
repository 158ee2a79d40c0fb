"""Child processes kept alive: started in order, restarted when they crash or ask for it, stopped in the reverse order.

A child says by its exit status what it wants: 75 (EX_TEMPFAIL) "start me again, my state is clean"; 2 "a setting is
wrong, my last line says which" (at its first start everything stops); anything else is a crash: started again after a
pause that doubles up to 30 s.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from streams.cli import parent

AGAIN: Final = 75  # exit status of a worker that was fenced and wants a clean start
WRONG: Final = 2  # exit status of a command that a person must mend
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds
_STEADY = 60.0  # seconds a child must live for its pauses to begin at the first again
_LOG_LIMIT = 10 * 1024 * 1024  # bytes; a longer log is set aside as .1 when its child starts

State = Literal["waiting", "running", "stopping", "stopped"]


@dataclass(frozen=True)
class Service:
    """What to run. `grace`: seconds it gets to drain after SIGTERM, before it is killed."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)  # added to the supervisor's own
    grace: float = 15.0


@dataclass
class Child:
    """One service as it stands now."""

    service: Service
    log: Path
    state: State = "waiting"
    restarts: int = 0
    process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.state == "running" else None


class Supervisor:
    """Runs services until told to stop. `say` gets one sentence for each thing a person wants to know."""

    def __init__(self, services: Sequence[Service], logs: Path, say: Callable[[str], None]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.children = [Child(service, logs / f"{service.name}.log") for service in services]
        self._say = say
        self._stop = asyncio.Event()
        self._status = 0

    def stop(self, status: int = 0) -> None:
        """Ask for the end. Safe from a signal handler of the loop; the first status that is not 0 stays."""
        self._status = self._status or status
        self._stop.set()

    async def run(self) -> int:
        """Start all, keep them, return the exit status once `stop` was called and every child has ended."""
        keepers = [asyncio.create_task(self._keep(child), name=child.service.name) for child in self.children]
        try:
            stopped = asyncio.create_task(self._stop.wait())
            done, _ = await asyncio.wait([stopped, *keepers], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            for task in done - {stopped}:
                task.result()  # a keeper ends only when told to: an error of its own must be seen
        finally:
            self._stop.set()
            for child in reversed(self.children):
                await self._end(child)
            await asyncio.gather(*keepers)
        return self._status

    async def _keep(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            began, offset = loop.time(), await self._start(child)
            assert child.process is not None  # noqa: S101 - just started
            status = await child.process.wait()
            if self._stop.is_set():
                break
            name, words = child.service.name, last_words(child.log, offset)
            if status == WRONG and child.restarts == 0 and loop.time() - began < _STEADY:
                self._say(f"{name} cannot run: {words or 'it did not say why'} (log: {child.log})")
                self.stop(WRONG)
                break
            child.state, child.restarts = "waiting", child.restarts + 1
            if status == AGAIN:
                self._say(f"{name} asked to be started again: {words or 'a clean start'}")
                continue
            pause = _FIRST_PAUSE if loop.time() - began >= _STEADY else pause
            told = f": {words}" if status == WRONG else f" ({_manner(status)})"
            self._say(f"{name} ended unasked{told}; it is started again in {pause:.0f} s (log: {child.log})")
            try:
                await asyncio.wait_for(self._stop.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, _LONGEST_PAUSE)
        child.state = "stopped"

    async def _start(self, child: Child) -> int:
        """Start the process; returns the log's length before it, so that only its own words are read back."""
        if child.log.exists() and child.log.stat().st_size > _LOG_LIMIT:
            child.log.replace(child.log.with_suffix(".log.1"))
        with child.log.open("ab") as log:
            offset = log.seek(0, os.SEEK_END)
            child.process = await asyncio.create_subprocess_exec(
                *child.service.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **child.service.environment, parent.ENVIRONMENT: str(os.getpid())},
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops them in order
            )
        child.state = "running"
        return offset

    async def _end(self, child: Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        child.state = "stopping"
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), child.service.grace)
        except TimeoutError:
            self._say(
                f"{child.service.name} did not end within {child.service.grace:.0f} s and is killed (log: {child.log})"
            )
            process.kill()
            await process.wait()


def last_words(log: Path, offset: int = 0) -> str:
    """The last line that says something, of what was written to a log after `offset` (its last 8 KiB)."""
    with log.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(offset, end - 8192))
        lines = stream.read().decode("utf-8", "replace").splitlines()
    return next((line.strip().removeprefix("Error: ") for line in reversed(lines) if line.strip()), "")


def _manner(status: int) -> str:
    if status < 0:
        try:
            return f"killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"killed by signal {-status}"
    return f"exit status {status}"

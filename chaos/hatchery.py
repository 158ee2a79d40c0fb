"""Workers as a run has them: forked from one process that has loaded the product, told what to be struck by."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from chaos.points import Trap
from chaos.processes import RunBroken
from chaos.worker import ARM
from streams.cli import parent

LAST: Final = 3_000  # characters of a log: it goes with the run
LOADED_WITHIN: Final = 60.0  # seconds for a first answer, on a machine under load


@dataclass
class Worker:
    """One worker, over all its starts. `owned` are the partitions it took over, None while it has none to speak of."""

    name: str
    environment: Mapping[str, str]
    log: Path
    state: Path  # its local state
    traps: Path  # the file that tells it of another trap
    hatchery: "Hatchery"
    running: bool = False
    wanted: bool = False  # it should run: where it does not, it ended by itself
    starts: int = 0
    trap: Trap | None = None
    sprung: Trap | None = None  # what struck it, until the run has seen to it
    sprung_at: float = 0.0  # monotonic
    ended: list[int] = field(default_factory=list)  # exit statuses of the times it ended unasked and unstruck
    status: int | None = None  # of its last end
    owned: Sequence[int] | None = None
    owned_at: float = 0.0  # seconds since the epoch: when it began to own them
    owned_since: float = 0.0  # monotonic: when that was heard
    held: bool = False  # a fault sees to its strikes itself
    thaws_at: float | None = None  # monotonic: when a trap that froze it lets it go

    def start(self, trap: Trap | None = None) -> None:
        """Start it; whether it then runs is seen by `look`."""
        self.trap, self.sprung, self.owned, self.status, self.thaws_at = trap, None, None, None, None
        self.running = self.wanted = True
        self.starts += 1
        self.hatchery.order({
            "name": self.name, "environment": dict(self.environment), "log": str(self.log), "trap": trap and list(trap),
            "session": self.hatchery.session, "mutant": self.hatchery.mutant, "traps": str(self.traps),
        })  # fmt: skip

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.running:
            self.hatchery.order({"name": self.name, "signal": int(number)})

    def arm(self, trap: Trap | None) -> Trap | None:
        """While it runs: from now on this trap, or none, and not the one it had, which is returned."""
        before, self.trap = self.trap, trap
        if trap is not None or before is not None:
            # Replaced, not written over: the worker may just be reading it, for the signal before, and what its handler
            # raises comes up in the line that the worker is at, a decider's say.
            written = self.traps.with_suffix(".next")
            written.write_bytes(orjson.dumps(trap and list(trap)))
            written.replace(self.traps)
            self.send_signal(ARM)
        return before

    def end(self, number: int = signal.SIGKILL, within: float = 40.0) -> Trap | None:
        """Signal it and wait for its end; what a trap has frozen, or freezes meanwhile, is let go for it. The trap that
        has not struck. Raises RunBroken where it does not end."""
        self.wanted = False
        self.send_signal(number)
        frozen, self.thaws_at = self.thaws_at is not None, None
        deadline = time.monotonic() + within
        while self.running:
            if frozen or (self.sprung is not None and self.sprung.deed == "freeze"):
                self.send_signal(signal.SIGCONT)
            self.hatchery.look(0.05)
            if time.monotonic() > deadline:
                raise RunBroken(f"{self.name} did not end of signal {number} within {within:.0f} s: {self.last_words}")
        trap, self.trap = self.trap, None
        return trap

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-LAST:] if self.log.exists() else "it has no log"


@dataclass
class Hatchery:
    """The process that workers come from. `session` is theirs in the group, seconds; `mutant` a deliberate mistake."""

    session: float
    mutant: str | None = None
    workers: dict[str, Worker] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _heard: bytes = b""

    def begin(self, log: Path) -> None:
        """Start it; must be called from the main thread, with which the kernel ties it."""
        environment = os.environ | {parent.ENVIRONMENT: str(os.getpid())}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment,
            )  # fmt: skip

    def order(self, what: Mapping[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None or process.poll() is not None:
            raise RunBroken("the process that workers are forked from has ended")
        process.stdin.write(orjson.dumps(what) + b"\n")
        process.stdin.flush()

    def look(self, seconds: float = 0.0) -> None:
        """Take in what happened; wait for it at most so long."""
        process = self._process
        if process is None or process.stdout is None:
            return
        descriptor = process.stdout.fileno()
        while select.select([descriptor], [], [], seconds)[0]:
            seconds = 0.0
            came = os.read(descriptor, 65_536)
            if not came:
                raise RunBroken("the process that workers are forked from has ended")
            *lines, self._heard = (self._heard + came).split(b"\n")
            for line in lines:
                self._heed(orjson.loads(line))

    def _heed(self, what: Mapping[str, Any]) -> None:
        worker = self.workers[what["name"]]
        if "struck" in what:
            worker.sprung, worker.trap, worker.sprung_at = Trap(*what["struck"]), None, time.monotonic()
        elif "took_over" in what:
            worker.owned, worker.owned_at, worker.owned_since = what["took_over"], what["at"], time.monotonic()
        elif "ended" in what:
            worker.running, worker.owned, worker.status = False, None, what["ended"]
            if worker.wanted and worker.sprung is None:
                worker.ended.append(what["ended"])

    def close(self) -> None:
        """End it and all that came from it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # the kernel ends its children with it
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

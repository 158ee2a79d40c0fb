"""The trap of one worker's process: counts passes of its point, and strikes."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaos.points import Trap
from connectors.ports import MachineryFault


@dataclass(slots=True)
class Armed:
    """`tell` is told of the strike before it happens. Without a trap nothing ever happens."""

    trap: Trap | None
    tell: Callable[[dict[str, Any]], None]
    _passed: int = 0

    def at(self, point: str) -> None:
        """The worker is here. Does not return from a kill; raises MachineryFault for a fault."""
        if self.due(point):
            self.strike()

    def watches(self, point: str) -> bool:
        """Is this the point, whenever it is due?"""
        return self.trap is not None and self.trap.point == point

    def due(self, point: str) -> bool:
        """Whether the worker is to be struck here and now; true once at most."""
        if self.trap is None or self.trap.point != point:
            return False
        self._passed += 1
        return self._passed == self.trap.passes

    def strike(self) -> None:
        """Do it."""
        trap, self.trap = self.trap, None
        if trap is None:
            return
        self.tell({"struck": list(trap)})
        if trap.deed == "fault":
            raise MachineryFault(f"struck {trap.point}")
        os.kill(os.getpid(), signal.SIGKILL if trap.deed == "kill" else signal.SIGSTOP)

    def arm(self, trap: list[Any] | None) -> None:
        """Another trap, or none, from now on."""
        self._passed = 0
        self.trap = Trap(*trap) if trap else None

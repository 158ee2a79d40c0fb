"""Cancelled while they wait: sends that are skipped once their cancellation is read, and not when their hour comes.

A cancellation names no contacts, so all timers of a partition are walked, a few at a time and no faster than this: what
is sent meanwhile does not wait for it, and whoever cancels without end keeps no worker busy. How far cancellations were
heeded is part of the state: a take-over in the middle of a walk begins it again.
"""

import logging
from collections.abc import Sequence
from typing import Final

from connectors.ports import MachineryFault
from streams.verdict import Verdict, Workflow
from streams.view import StateView

log = logging.getLogger(__name__)

HEEDED: Final = b"p/cancelled"  # position behind the last cancellation for which all timers were walked
SLICE: Final = 100  # timers
PACE: Final = 50  # ms between two slices of a walk
EVERY: Final = 5_000  # ms between a walk's end and the next one: one serves all cancellations that came meanwhile


class Recall:
    """One partition's walk."""

    def __init__(self, workflow: Workflow, view: StateView) -> None:
        self._workflow = workflow
        self._view = view
        self._after = b""
        self._heeded = self._to = int(view.get(HEEDED) or 0)
        self._next = 0  # when the next slice may be

    def next_wake(self) -> int | None:
        """When there is a slice to walk, ms; None where there is none."""
        return self._next if self._after or self._heeded != self._workflow.cancelled() else None

    def walk(self, now: int) -> Sequence[Verdict]:
        """One slice, where there is one and it is time. Raises MachineryFault."""
        due = self.next_wake()
        if due is None or due > now:
            return ()
        if not self._after:
            self._to = self._workflow.cancelled()
        workflow, view, verdicts = self._workflow, self._view, list[Verdict]()
        timers, self._after = workflow.timers(view, self._after, SLICE)
        for timer in timers:
            view.mark()
            try:
                verdict = workflow.recall(view, timer, now)
            except (MachineryFault, MemoryError):
                raise
            except Exception as bug:  # noqa: BLE001 - in its hour the timer finds the same, and is buried
                view.rollback()
                log.error("a cancelled send that waits cannot be skipped before its hour: %s", type(bug).__name__)
                continue
            if verdict is not None:
                verdicts.append(verdict)
        self._next = now + PACE
        if not self._after:
            self._heeded, self._next = self._to, now + EVERY
            view.put(HEEDED, self._heeded)
        return verdicts

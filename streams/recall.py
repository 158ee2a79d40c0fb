"""Cancelled while they wait: sends that are skipped once their cancellation is read, and not when their hour comes.

A cancellation names no contacts, so all timers of a partition are walked, a slice in each step. How far
cancellations were heeded is part of the state: a take-over in the middle of a walk begins it again.
"""

import logging
from collections.abc import Sequence
from typing import Final

from connectors.ports import MachineryFault
from streams.verdict import Verdict, Workflow
from streams.view import StateView

log = logging.getLogger(__name__)

HEEDED: Final = b"p/cancelled"  # position behind the last cancellation for which all timers were walked
SLICE: Final = 1_000  # timers


class Recall:
    """One partition's walk."""

    def __init__(self, workflow: Workflow, view: StateView) -> None:
        self._workflow = workflow
        self._view = view
        self._after = b""
        self._heeded = self._to = int(view.get(HEEDED) or 0)

    @property
    def under_way(self) -> bool:
        """Is there more to walk?"""
        return bool(self._after) or self._heeded != self._workflow.cancelled()

    def walk(self, now: int) -> Sequence[Verdict]:
        """One slice, where there is more to walk. Raises MachineryFault."""
        if not self.under_way:
            return ()
        if not self._after:
            self._to = self._workflow.cancelled()
        view, verdicts = self._view, list[Verdict]()
        view.mark()
        try:
            found, self._after = self._workflow.recall(view, now, self._after, SLICE)
            verdicts += found
        except (MachineryFault, MemoryError):
            raise
        except Exception as bug:  # noqa: BLE001 - the timer of the one that it fails on finds the same, and buries it
            view.rollback()
            log.error("cancelled sends that wait are skipped in their hour only: %s", type(bug).__name__)
            self._after = b""
        if not self._after:
            self._heeded = self._to
            view.put(HEEDED, self._heeded)
        return verdicts

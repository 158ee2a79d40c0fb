"""Timers of one partition: what waited for its hour is decided anew, as far as barrier and slots allow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from connectors.ports import MachineryFault, Message
from events.topics import CLASS_OF, Role
from streams.barrier import Barrier
from streams.burial import Burial
from streams.verdict import Lanes, Verdict, Workflow
from streams.view import StateView

WINDOW: Final = 1_000  # timers fired in one step


class Timers:
    """See the module. `next_due` is when the first is due, ms; None where nothing waits."""

    def __init__(self, workflow: Workflow, view: StateView, lanes: Lanes, barrier: Barrier, burial: Burial) -> None:
        self.next_due = workflow.next_due(view)
        self._workflow = workflow
        self._view = view
        self._lanes = lanes
        self._barrier = barrier
        self._burial = burial

    def committed(self) -> None:
        """The state is another now."""
        self.next_due = self._workflow.next_due(self._view)

    def next_wake(self) -> int | None:
        """When to look at the next one, ms: when it is due, or later where it is held up."""
        return None if self.next_due is None else max(self.next_due, self._barrier.again)

    async def fire(
        self, now: int, most: Mapping[Role, int], read: Callable[[Mapping[Role, int]], bool], letters: list[Message]
    ) -> Sequence[Verdict]:
        """Those that are due and whose barrier is passed, up to `most` of a class and as there are slots for the calls
        they may lead to: each class has its own, so that what waits for a campaign's slots holds up no password.
        `read` says whether all up to some ends has been read. One on which a decider fails goes to `letters`."""
        due, lanes = self.next_due, self._lanes
        if due is None or due > now or not any(lanes.free(role) > 0 for role in most):
            return ()
        verdicts: list[Verdict] = []
        for (role, few), until in zip(most.items(), await self._barrier.passed(due, now, read), strict=True):
            room = min(few, lanes.free(role))
            if room > 0:
                verdicts += self._due(role, now, room, until, letters)
        return verdicts

    def _due(self, role: Role, now: int, room: int, until: int, letters: list[Message]) -> Sequence[Verdict]:
        """Fire timers; where a decider fails, one by one, so that the one on which it does holds up no other."""
        view, class_, verdicts = self._view, CLASS_OF[role], list[Verdict]()
        view.mark()
        try:
            return self._workflow.due(view, now, room, class_, until)
        except (MachineryFault, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - found again below, and buried
            view.rollback()
        for _ in range(room):
            view.mark()
            try:
                fired = self._workflow.due(view, now, 1, class_, until)
            except (MachineryFault, MemoryError):
                raise
            except Exception as bug:  # noqa: BLE001 - whatever it is: buried, counted, and too many stop the worker
                view.rollback()
                timer = self._workflow.drop(view, class_)
                letters.append(self._burial.letter(role, timer, now, "decider", self._burial.bug(now, bug)))
                continue
            if not fired:
                break
            verdicts += fired
        return verdicts

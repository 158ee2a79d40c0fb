"""Coroutines stepped in an order that a seed chooses, under a clock that only the scheduler moves.

A coroutine gives way by `switch`, by `sleep` or by waiting for a `Signal`. Everything else about concurrency, what may
be interrupted where and by whom, follows from that: a worker that is frozen is one whose steps are put aside.
"""

from collections.abc import Callable, Coroutine, Generator
from heapq import heappop, heappush
from random import Random
from types import coroutine
from typing import Any, Final

MASK: Final = (1 << 61) - 1


class Killed(BaseException):
    """This process is gone. No `except Exception` of the product sees it, as none sees a SIGKILL."""


class Process:
    """Whatever can be killed or frozen as a whole: a worker, or the world outside, to which neither ever happens."""

    __slots__ = ("alive", "frozen", "name", "parked")

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self.parked: list[Task] = []


class Task:
    """One coroutine. `turn` counts its steps, so that what wakes it for an earlier one comes too late."""

    __slots__ = ("coroutine", "done", "number", "process", "turn")

    def __init__(self, process: Process, coroutine_: Coroutine[Any, Any, Any], number: int) -> None:
        self.process = process
        self.coroutine = coroutine_
        self.number = number
        self.turn = 0
        self.done = False


@coroutine
def sleep(ms: int) -> Generator[int, None, None]:
    """Until so many milliseconds have passed; 0 lets others run first."""
    yield ms


async def switch() -> None:
    """Let others run."""
    await sleep(0)


class Signal:
    """A condition to wait for; as asyncio's Event, and with a limit to the wait."""

    __slots__ = ("_scheduler", "_waiting", "up")

    def __init__(self, scheduler: "Scheduler") -> None:
        self._scheduler = scheduler
        self._waiting: list[tuple[Task, int]] = []
        self.up = False

    def set(self) -> None:
        self.up = True
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for task, turn in waiting:
                self._scheduler.wake(task, turn)

    def clear(self) -> None:
        self.up = False

    async def wait(self, ms: int) -> None:
        """Until it is set, or so many milliseconds have passed."""
        if not self.up:
            task = self._scheduler.current
            self._waiting.append((task, task.turn))
            await sleep(max(ms, 1))


class Scheduler:
    """`now` is virtual, ms; `digest` tells one run from any other that took another turn anywhere."""

    def __init__(self, random: Random, now: int) -> None:
        self.now = now
        self.steps = 0
        self.digest = 0
        self.outside = Process("outside")
        self.current = Task(self.outside, _nothing(), 0)
        self.failed: Callable[[Process, Exception], None] = _raise
        self._random = random.random
        self._ready: list[Task] = []
        self._sleeping: list[tuple[int, int, int, Task]] = []
        self._made = 0
        self.current.coroutine.close()

    def spawn(self, process: Process, coroutine_: Coroutine[Any, Any, Any]) -> Task:
        """Start a coroutine that lives as long as its process."""
        self._made += 1
        task = Task(process, coroutine_, self._made)
        self._ready.append(task)
        return task

    def wake(self, task: Task, turn: int) -> None:
        """Let a task go on whose step `turn` is the last it made; else it went on already."""
        if task.turn == turn and not task.done:
            task.turn += 1
            self._ready.append(task)

    def thaw(self, process: Process) -> None:
        """What was put aside goes on, where it stood."""
        process.frozen = False
        parked, process.parked = process.parked, []
        self._ready.extend(parked)

    def run(self, until: Callable[[], bool], steps: int) -> bool:
        """Step until `until` holds, asked now and then; False if it does not after so many steps, or nothing is left
        to do."""
        limit = self.steps + steps
        ready, sleeping, random = self._ready, self._sleeping, self._random
        while self.steps < limit:
            if not self.steps & 15 and until():
                return True
            now = self.now
            while sleeping and sleeping[0][0] <= now:
                _, _, turn, task = heappop(sleeping)
                if task.turn == turn and not task.done:
                    task.turn += 1
                    ready.append(task)
            if not ready:
                if not sleeping:
                    return until()
                self.now = sleeping[0][0]
                continue
            at = int(random() * len(ready))
            task = ready[at]
            ready[at] = ready[-1]
            ready.pop()
            self._step(task)
        return until()

    def _step(self, task: Task) -> None:
        process = task.process
        if task.done:
            return
        if not process.alive:
            task.done = True
            task.coroutine.close()
            return
        if process.frozen:
            process.parked.append(task)
            return
        self.steps += 1
        self.now += self.steps & 1
        self.digest = (self.digest * 1_000_003 ^ task.number ^ self.now << 20) & MASK
        self.current = task
        try:
            ms = task.coroutine.send(None)
        except (StopIteration, Killed):
            task.done = True
        except Exception as error:  # noqa: BLE001 - what it means is for the world to say
            task.done = True
            self.failed(process, error)
        else:
            if ms:
                heappush(self._sleeping, (self.now + ms, self.steps, task.turn, task))
            else:
                self._ready.append(task)

    def cancel(self, task: Task) -> None:
        """End another task where it waits; what it has to close, it closes."""
        task.done = True
        task.coroutine.close()

    def end(self) -> None:
        """Close what never ended."""
        for task in (*self._ready, *(entry[3] for entry in self._sleeping)):
            task.coroutine.close()


async def _nothing() -> None:
    return None


def _raise(process: Process, error: Exception) -> None:
    raise error

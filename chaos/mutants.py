"""Deliberate mistakes in real workers, to test the run by: each must be caught. Most are those of the simulation.

A mutant is wired, after the traps, into workers that `make chaos ARGS=--mutants` or a test starts: chaos/worker.py.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from chaos.points import Trap
from chaos.wiring import put, there
from connectors.ports import Commit, MachineryFault
from events.topics import Role
from projections import keyspace
from projections.send import Call
from streams.engine import engine
from streams.pipeline import Pipeline
from streams.progress import COUNTS, POSITIONS
from streams.step import Step
from streams.verdict import Verdict

CALLED: Final = 0.05  # seconds until a call has reached the provider, on a machine under load


@dataclass(frozen=True)
class Mutant:
    """`install` puts the mistake in its place; `traps` are where it shows, `choreography` how they are sprung."""

    install: Callable[[Path], None]
    traps: tuple[Trap, ...]
    choreography: str = ""  # name of a fault in chaos/faults.py, or none


# --- the call before the commit -----------------------------------------------------------------------------------


class _CallsEarly(Pipeline):
    """The call is made when it is decided, and not once its attempt is durable."""

    def _keep(self, verdict: Verdict, step: Step) -> None:
        super()._keep(verdict._replace(calls=()), step)
        for call in verdict.calls:
            self._lanes.reserve(call)
            self._lanes.start([call], self.tenure)


def _calls_early(data: Path) -> None:
    known = there(engine, "TransactionLog")

    class CallsFirst(known):  # type: ignore[misc, valid-type]
        """The commit waits for the calls, as it does where somebody awaits them in their place."""

        async def commit(self, commit: Commit) -> int:
            await asyncio.sleep(CALLED)
            changelog_next: int = await super().commit(commit)
            return changelog_next

    put(engine, "Pipeline", _CallsEarly)
    put(engine, "TransactionLog", CallsFirst)


# --- the position outside the transaction --------------------------------------------------------------------------


def _positions_apart(data: Path) -> None:
    known = there(engine, "TransactionLog")

    class PositionsApart(known):  # type: ignore[misc, valid-type]
        """The positions are committed first, in a transaction of their own."""

        async def commit(self, commit: Commit) -> int:
            positions = {key: value for key, value in commit.changes.items() if key in (POSITIONS, COUNTS)}
            rest = {key: value for key, value in commit.changes.items() if key not in positions}
            first: int = await super().commit(Commit(changes=positions, at=commit.at))
            commit.changes = rest
            return await super().commit(commit) if rest else first

    put(engine, "TransactionLog", PositionsApart)


# --- a batch acked after an exception ------------------------------------------------------------------------------


class _Survives(engine.Engine):
    """A batch whose commit failed counts as done, and the worker goes on."""

    async def _run(self, running: engine.Running) -> None:
        while not running.pipeline.stopped:
            running.wake.clear()
            try:
                while await running.pipeline.step():
                    self._room.set()
                    await asyncio.sleep(0)
            except MachineryFault:
                running.pipeline.view.committed()
                with suppress(MachineryFault):
                    await running.writer.close()
                writer = running.writer = self._writer(running.pipeline.partition)
                await writer.open()
                running.pipeline._log = writer
            with suppress(TimeoutError):
                await asyncio.wait_for(running.wake.wait(), engine.TICK)


def _survives(data: Path) -> None:
    from streams import app

    put(app, "Engine", type("Survives", (there(app, "Engine"),), {"_run": _Survives._run}))


# --- an open attempt called again after a take-over ----------------------------------------------------------------


def _calls_again(data: Path) -> None:
    kept = data / "calls.jsonl"

    class CallsAgain(Pipeline):
        """An attempt that a take-over finds open is called again, so that surely somebody calls."""

        def _keep(self, verdict: Verdict, step: Step) -> None:
            super()._keep(verdict, step)
            with kept.open("ab") as file:
                file.writelines(orjson.dumps(asdict(call)) + b"\n" for call in verdict.calls)

        def _abandon(self, step: Step) -> None:
            if self._abandon_at is None or self.positions[Role.ANSWERS] < self._abandon_at:
                return
            self._abandon_at = None
            lines = kept.read_bytes().splitlines() if kept.exists() else []
            known = {keyspace.open_key(call.send_hash): call for call in (Call(**orjson.loads(line)) for line in lines)}
            for key in self._inherited:
                if self.view.get(key) is not None and key in known:
                    self._lanes.reserve(known[key])
                    self._lanes.start([known[key]], self.tenure)
            self._inherited = []

    put(engine, "Pipeline", CallsAgain)


# --- the fence opened late -----------------------------------------------------------------------------------------


def _fence_late(data: Path) -> None:
    known = there(engine, "TransactionLog")

    class FenceLate(known):  # type: ignore[misc, valid-type]
        """The transactional id is opened by the first commit, and not before the state is read."""

        _opened = False

        async def open(self) -> None:
            return None

        async def commit(self, commit: Commit) -> int:
            if not self._opened:
                self._opened = True
                await super().open()
            changelog_next: int = await super().commit(commit)
            return changelog_next

    put(engine, "TransactionLog", FenceLate)


MUTANTS: Final[Mapping[str, Mutant]] = {
    "the fence opened late": Mutant(_fence_late, (), "SIGSTOP inside a commit"),
    "the call before the commit": Mutant(
        _calls_early, tuple(Trap("before commit", passes, "kill") for passes in (2, 3, 4, 5, 6, 8))
    ),
    "the position outside the transaction": Mutant(
        _positions_apart, tuple(Trap("after commit", passes, "kill") for passes in (3, 5, 7, 4, 6, 8))
    ),
    "a batch acked after an exception": Mutant(
        _survives, tuple(Trap("before commit", passes, "fault") for passes in (2, 3, 4, 5, 6, 8))
    ),
    "an open attempt called again after a take-over": Mutant(
        _calls_again, tuple(Trap("after call", passes, "kill") for passes in (3, 8, 5, 12, 10, 7))
    ),
}

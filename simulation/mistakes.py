"""Parts of the product with a mistake in each, as people make them. simulation/mutants.py says what becomes of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from connectors.carriers.base import Answer, Refused, Unknown
from connectors.ports import BEFORE, Commit, Fetch, MachineryFault, Message
from events.topics import Role
from projections import keyspace, parking
from projections.send import Call
from simulation.broker import Line
from simulation.consumer import Consumer
from simulation.provider import Provider
from simulation.scheduler import switch
from simulation.worker import Running, Worker
from simulation.writer import Writer, ends
from streams.barrier import nothing_ahead
from streams.intake import Intake
from streams.pipeline import Pipeline
from streams.progress import COUNTS, POSITIONS
from streams.step import Step
from streams.verdict import Verdict
from streams.view import StateView
from streams.workflow import SendingWorkflow


class FenceLate(Worker):
    """What there is to read is asked for before the former owner is fenced: it may still write behind it."""

    async def take_over(self, partitions: Sequence[int]) -> None:
        self.tenure += 1
        writers = {partition: Writer(self.world, self, partition) for partition in partitions}
        bounds = {partition: self.bounds(partition) for partition in partitions}
        await self.fence(list(writers.values()))
        await self.caught_up()
        for partition, writer in writers.items():
            await self.recovered(partition, writer, bounds[partition])
        self.begin()


class CallsEarly(Pipeline):
    """The call is made when it is decided, and not once its attempt is durable."""

    def _keep(self, verdict: Verdict, step: Step) -> None:
        super()._keep(verdict._replace(calls=()), step)
        for call in verdict.calls:
            self._lanes.reserve(call)
            self._lanes.start([call], self.tenure)


class PositionsBefore(Writer):
    """The positions are committed first, in a transaction of their own."""

    async def commit(self, commit: Commit) -> int:
        positions, rest = _apart(commit)
        changelog_next = await super().commit(positions)
        return await super().commit(rest) if rest.changes else changelog_next


class PositionsBehind(Writer):
    """The positions are committed behind what they stand for, in a transaction of their own."""

    async def commit(self, commit: Commit) -> int:
        positions, rest = _apart(commit)
        if rest.changes or rest:
            rest.changes[b"p/apart"] = b"1"
            await super().commit(rest)
        return await super().commit(positions)


def _apart(commit: Commit) -> tuple[Commit, Commit]:
    """The positions with their counts, and everything else."""
    positions = {key: value for key, value in commit.changes.items() if key in (POSITIONS, COUNTS)}
    rest = {key: value for key, value in commit.changes.items() if key not in positions}
    return Commit(changes=positions, at=commit.at), replace(commit, changes=rest)


class AcksAfterException(Worker):
    """A batch whose commit failed counts as done, and the worker goes on."""

    async def run(self, running: Running) -> None:
        pipeline = running.pipeline
        while not pipeline.stopped:
            running.wake.clear()
            try:
                while await pipeline.step():
                    await switch()
            except MachineryFault:
                self.world.struck("exception swallowed")
                pipeline.view._dirty.clear()
                writer = Writer(self.world, self, pipeline.partition)
                await writer.open()
                pipeline._log = writer
            await running.wake.wait(250)


class CallsAgain(Pipeline):
    """An attempt that a take-over finds open is called (again), so that surely somebody calls."""

    def _keep(self, verdict: Verdict, step: Step) -> None:
        super()._keep(verdict, step)
        self._known().update((keyspace.open_key(call.send_hash), call) for call in verdict.calls)

    def _abandon(self, step: Step) -> None:
        if self._abandon_at is None or self.positions[Role.ANSWERS] < self._abandon_at:
            return
        self._abandon_at = None
        for key in self._inherited:
            if self.view.get(key) is not None:
                call = self._known()[key]
                self._lanes.reserve(call)
                self._lanes.start([call], self.tenure)
        self._inherited = []

    def _known(self) -> dict[bytes, Call]:
        """Every attempt of this world, as a worker could read them in the journal."""
        sender: Any = self._lanes
        known: dict[bytes, Call] = sender.provider.world.attempted
        return known


class Unheard(Pipeline):
    """An attempt that a take-over finds open counts as lost before the answers that lie there are read."""

    def await_answers(self, end: int) -> None:
        super().await_answers(0)


class StoreFirst(Pipeline):
    """The local store is written before the log has it."""

    def _seal(self, step: Step) -> None:
        super()._seal(step)
        self._store.write(step.commit.changes, getattr(self._store, "changelog_next", 0), step.now)


class NoBarrier(Pipeline):
    """Sends are decided whatever lies before them in the other topics."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        version = self._workflow.settings_version
        self._intake = _Heedless(self.positions, self._inputs, self._limits, self._lanes, version)


class _Heedless(Intake):
    def may_decide(self, fetch: Fetch, now: int) -> bool:
        return True


class TimersAhead(Pipeline):
    """What has waited goes when its hour comes, whatever lies unread in the other topics."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **{**named, "heads": nothing_ahead})


class AnyFetch(Pipeline):
    """A fetch is taken wherever it begins."""

    def accept(self, fetch: Fetch) -> bool:
        self._intake.box(fetch.role).add(fetch)
        return not self.stopped


class Uncommitted(Consumer):
    """Inputs are read with read_uncommitted."""

    def readable(self, line: Line) -> int:
        return len(line.entries)


class StableEnds(Consumer):
    """Sends wait for what is committed in the other topics, not for what lies behind an open transaction there."""

    def heads(self, role: Role, partition: int) -> dict[Role, int]:
        return ends(self._world, BEFORE[role], partition)


class Apart(Writer):
    """One kind of record is written outside of the transaction."""

    async def commit(self, commit: Commit) -> int:
        self.write_apart(commit)
        return await super().commit(commit)

    def write_apart(self, commit: Commit) -> None:
        raise NotImplementedError


class MovedApart(Apart):
    def write_apart(self, commit: Commit) -> None:
        for role, message in commit.moved:
            self.world.broker.publish(role, message.partition or 0, message, commit.at)
        commit.moved.clear()


class BuriedApart(Apart):
    def write_apart(self, commit: Commit) -> None:
        for message in commit.dead_letters:
            self.world.broker.publish(Role.DEAD_LETTERS, 0, message, commit.at)
        commit.dead_letters.clear()


class FactsApart(Apart):
    def write_apart(self, commit: Commit) -> None:
        for message in commit.facts:
            self.world.broker.publish(Role.JOURNAL, self.partition, Message(*message[:3]), commit.at)
        commit.facts.clear()


class Drops(Pipeline):
    """What cannot be read is passed over."""

    def _bury(self, *args: Any) -> None:
        return None


class Impatient(Provider):
    """An answer that did not come counts as a refusal: the SMS is sent again."""

    async def send(self, call: Call) -> Answer:
        answer = await super().send(call)
        return self._again(answer)

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        return [self._again(answer) for answer in await super().send_many(calls)]

    def _again(self, answer: Answer) -> Answer:
        return Refused(None, "no answer", final=False) if isinstance(answer, Unknown) else answer


class ByPlace(Provider):
    """The answers to a batch are matched by their place, while the provider names its items in any order."""

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        return [*await super().send_many(calls)][::-1]


class Deaf(SendingWorkflow):
    """An opt-out by the number of a contact is not heeded for the others that have it."""

    def handle(self, role: Role, record: Any, view: StateView, now: int, moved: bool) -> Verdict:
        if role is Role.NUMBERS:
            return Verdict("unchanged", (), ())
        return super().handle(role, record, view, now, moved)


class Forgets(SendingWorkflow):
    """The ids of what was read are not kept."""

    def handle(self, role: Role, record: Any, view: StateView, now: int, moved: bool) -> Verdict:
        verdict = super().handle(role, record, view, now, moved)
        for key in [key for key in view._dirty if key.startswith(keyspace.SEEN)]:
            view.delete(key)
        return verdict


class Unleased(Worker):
    """Calls are made however long ago a heartbeat was answered."""

    def holds(self, partition: int, tenure: int) -> bool:
        return True


@contextmanager
def receipts_not_known_again() -> Iterator[None]:
    """Every receipt counts as one never heard before."""
    known, number = parking.digest_key, count()

    def digest_key(hashed: str, attempt: int, data: Any, keys: Any = None) -> bytes:
        return keyspace.seen_key(hashed, str(attempt), str(next(number)))

    parking.digest_key = digest_key
    try:
        yield
    finally:
        parking.digest_key = known

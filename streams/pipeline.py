"""One partition's serial pipeline: inputs in, decisions, one commit, then the calls that the commit permits.

All topics of a partition form one pipeline with one state; no two of its records are ever decided concurrently. The
order of a step is the promise of the whole product:

1. take inputs, in each topic's order; sends only when what lies before them in the other topics has been read;
2. decide them against the state (pure code), with one reading of the clock; before them, some of what waits and was
   cancelled, and behind what is no send, the timers that are due;
3. commit facts, changed keys, positions, moved records and dead letters in one transaction;
4. write the same keys to the local store, with the changelog position;
5. only now start the provider calls that the committed `attempted` facts permit.

This file imports neither asyncio nor Faust: the same code runs in a simulation. All of a step stands in it, so that its
order can be read from top to bottom.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from connectors.ports import Clock, Fetch, Log, MachineryFault, NotYet, Pause, Record, Store
from events.envelope import Undecodable
from events.fact import Fact
from events.topics import Role
from streams.barrier import Barrier, Heads, nothing_ahead
from streams.burial import Burial, moved, was_moved
from streams.inbox import first_at
from streams.intake import SENDS, Intake, Limits
from streams.progress import Progress
from streams.recall import Recall
from streams.step import Step
from streams.timers import WINDOW, Timers
from streams.verdict import Lanes, Misplaced, Verdict, Workflow
from streams.view import StateView

SWEEP = b"p/sweep"
FIRST = (Role.ANSWERS, Role.CONTACTS, Role.CALLBACKS, Role.NUMBERS)  # the order in which one step takes what is there
INPUTS = (*FIRST, *SENDS)
GIVES_WAY = (Role.ANSWERS, Role.NEWSLETTER)  # long in a campaign, and bounding no transactional send
BEFORE_TIMERS = FIRST  # whose ends bound the timers; recado.accounts' with them
# Records between two chances for others: of any topic, and of sends, which take longer. A lone send's way has some
# twenty turns of the event loop, and in a campaign each of them waits for all partitions' next few records.
PAUSES = (50, 5)
FEW = 5  # newsletters in a commit that begins with a transactional send
# ms after which a step takes no more, as its one reading of the clock grows old: of any topic, and of sends.
LONGEST = (2_000, 500)
SWEEP_EVERY = 15_000
SWEEP_KEYS = 500
NOT_YET = 60_000  # ms that a record may wait for what was written before it


class Pipeline:
    """See the module. `positions` are the state's: the next offset of each input topic that is not yet decided."""

    def __init__(
        self,
        partition: int,
        tenure: int,
        workflow: Workflow,
        log_: Log,
        store: Store,
        view: StateView,
        clock: Clock,
        lanes: Lanes,
        pause: Pause,
        inputs: Iterable[Role] = INPUTS,
        topics: Mapping[Role, str] | None = None,
        topic_ids: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        heads: Heads = nothing_ahead,
    ) -> None:
        self.partition = partition
        self.tenure = tenure
        self.view = view
        self.stopped = False
        self.last_facts: Callable[[Sequence[Fact]], None] | None = None
        self._workflow = workflow
        self._log = log_
        self._store = store
        self._clock = clock
        self._lanes = lanes
        self._pause = pause
        self._limits = limits or Limits()
        self._inputs = tuple(inputs)
        self._progress = Progress(partition, self._inputs, topic_ids or {}, view)
        self.positions = self._progress.positions
        self._intake = Intake(self.positions, self._inputs, self._limits, lanes, workflow.settings_version)
        self._abandon_at: int | None = None  # end of answers at takeover; open attempts older than it are unknown
        self._inherited: list[bytes] = list(workflow.open_attempts(view))
        self._next_sweep = 0
        self._burial = Burial(partition, topics or {}, lambda letter: workflow.conceal(letter, view))
        self._timers = Timers(workflow, view, lanes, Barrier(heads, self._limits.patience), self._burial)
        self._recall = Recall(workflow, view)
        self._waiting: dict[Role, tuple[int, int]] = {}  # the record that has to wait, and since when, ms

    # --- what arrives ---------------------------------------------------------------------------------------------

    def wanted(self) -> dict[Role, int]:
        """Topics with room for another fetch, and the position it must start from."""
        return self._intake.wanted()

    def accept(self, fetch: Fetch) -> bool:
        """Take a fetch if it continues what is held; a stale or a torn one is dropped (the next begins at the tail)."""
        return not self.stopped and self._intake.accept(fetch)

    def start_at(self, role: Role, position: int) -> None:
        """Before the first step: begin a topic behind what its retention has deleted."""
        self._intake.start_at(role, position)

    def await_answers(self, end: int) -> None:
        """Takeover: when answers have been read up to `end`, attempts still open become unknown (crash)."""
        self._abandon_at = end

    @property
    def idle(self) -> bool:
        """Nothing held that could be decided."""
        return not self._intake.holds()

    def hurried(self) -> bool:
        """Is there a transactional send that may go?"""
        return self._intake.hurried(self._clock.now())

    def holds(self, role: Role) -> bool:
        """Are records of this topic held, undecided?"""
        return self._intake.holds(role)

    def next_wake(self) -> int | None:
        """When to look at the next timer, ms: when it is due, or later where it is held up; or at the next few of those
        that are walked for a cancellation."""
        return min((at for at in (self._timers.next_wake(), self._recall.next_wake()) if at is not None), default=None)

    # --- one step -------------------------------------------------------------------------------------------------

    async def step(self) -> bool:
        """Decide and commit what can be decided now. True if something was; call again until False."""
        if self.stopped:
            return False
        now = self._clock.now()
        step = Step(now)
        before = dict(self.positions)
        self._workflow.prepare(self.view)
        if not self._intake.hurried(now):
            for verdict in self._recall.walk(now):  # before anything else, as its walk sees what is committed
                self._keep(verdict, step)
        budget = self._limits.batch
        for role in self._inputs:
            if role not in SENDS:
                budget -= await self._take(role, budget, step)
        self._abandon(step)
        due = {Role.TRANSACTIONAL: WINDOW, Role.NEWSLETTER: self._limits.newsletters}
        for verdict in await self._timers.fire(now, due, self._intake.read, step.commit.dead_letters):
            self._keep(verdict, step)
        # However much lies in the other topics, sends get their turn: a password does not wait for an import.
        budget = max(budget, self._limits.batch // 8)
        for role in self._inputs:
            if role in SENDS:
                taken = await self._take(role, budget, step)
                budget -= taken
                if role is Role.TRANSACTIONAL and taken:  # whose commit does not wait for a campaign's next hundreds
                    budget = min(budget, FEW)
        if self._intake.hurried(now):  # it came meanwhile, and need not wait for a commit before its own
            await self._take(Role.TRANSACTIONAL, self._limits.batch // 8, step)
        self._sweep(now)
        if self.positions == before and not step.facts and not self.view.changed:
            return False
        if not any(call.class_ == "transactional" for call in step.calls):
            await self._pause()
        self._seal(step)
        changelog_next = await self._log.commit(step.commit)
        self._store.write(step.commit.changes, changelog_next, now)
        self.view.committed()
        self._timers.committed()
        if self.last_facts is not None and step.facts:
            self.last_facts(step.facts)
        if step.calls:
            self._lanes.start(step.calls, self.tenure)
        return True

    async def _take(self, role: Role, budget: int, step: Step) -> int:
        """Decide records of one topic, in order, as far as budget, barrier and slots allow. Return how many."""
        box = self._intake.box(role)
        sends, now = role in SENDS, step.now
        taken, pause = 0, PAUSES[sends]
        if role is Role.NEWSLETTER:
            budget = min(budget, self._limits.newsletters)
        while box.fetches and taken < budget:
            fetch = box.fetches[0]
            if fetch.ends and not self._intake.may_decide(fetch, now):
                break
            position = self.positions[role]
            records = fetch.records
            first = first_at(records, position)
            done = True
            for at in range(first, len(records)):
                if taken >= budget or (sends and self._lanes.free(role) <= 0):
                    done = False
                    break
                record = records[at]
                if not self._decide(role, record, step):
                    done = False
                    break
                self.positions[role] = record.offset + 1
                taken += 1
                if taken % pause == 0:
                    await self._pause()
                    late = self._clock.now() - now > LONGEST[sends]
                    if late or (role in GIVES_WAY and self._intake.hurried(now)):
                        done = False
                        break
            if not done:
                break
            self.positions[role] = fetch.next
            box.done()
        return taken

    def _decide(self, role: Role, record: Record, step: Step) -> bool:
        """Decide one record; False where it has to wait."""
        counts = self._progress.counts(role)
        counts["read"] += 1
        view, now = self.view, step.now
        view.mark()
        try:
            verdict = self._workflow.handle(role, record, view, now, was_moved(record))
        except NotYet as missing:
            view.rollback()
            counts["read"] -= 1
            self._wait(role, record.offset, now, missing)
            return False
        except Misplaced as elsewhere:
            view.rollback()
            counts["moved"] += 1
            step.commit.moved.append((role, moved(role, record, self.partition, elsewhere.partition)))
            return True
        except Undecodable as refusal:
            view.rollback()
            counts["dead"] += 1
            self._bury(role, record, step, refusal.reason, refusal.detail)
            return True
        except (MachineryFault, MemoryError):
            raise
        except Exception as bug:  # noqa: BLE001 - whatever it is: buried, counted, and too many stop the worker
            view.rollback()
            counts["dead"] += 1
            self._bury(role, record, step, "decider", self._burial.bug(now, bug))
            return True
        counts[verdict.outcome] += 1
        self._progress.left_no_fact(verdict.silent)
        self._keep(verdict, step)
        return True

    def _wait(self, role: Role, offset: int, now: int, missing: NotYet) -> None:
        """What a record needs is on its way; if it does not come for a minute, it was lost. Raises MachineryFault."""
        waiting, since = self._waiting.get(role, (-1, now))
        if waiting != offset:
            since = now
        self._waiting[role] = offset, since
        if now - since > NOT_YET:
            raise MachineryFault(f"partition {self.partition} waits in vain: {missing}") from missing

    def _keep(self, verdict: Verdict, step: Step) -> None:
        step.keep(verdict)
        for call in verdict.calls:
            self._lanes.reserve(call)

    def _bury(self, role: Role, record: Record, step: Step, reason: str, detail: str) -> None:
        step.commit.dead_letters.append(self._burial.letter(role, record, step.now, reason, detail))

    def _abandon(self, step: Step) -> None:
        """The former owner's attempts whose answer never came: nobody knows whether they went."""
        if self._abandon_at is None:
            return
        if Role.ANSWERS in self.positions and self.positions[Role.ANSWERS] < self._abandon_at:
            return
        self._abandon_at = None
        for key in self._inherited:
            if self.view.get(key) is not None:
                step.facts.extend(self._workflow.abandon(self.view, key, step.now).facts)
        self._inherited = []

    def _sweep(self, now: int) -> None:
        """Forget ids that can no longer be asked for, a few keys at a time."""
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_EVERY
        after = str(self.view.get(SWEEP) or "")
        cursor = self._workflow.sweep(self.view, now, bytes.fromhex(after), SWEEP_KEYS).hex()
        if cursor != after:
            self.view.put(SWEEP, cursor)

    def _seal(self, step: Step) -> None:
        """What was decided, in bytes; how far it has come joins it."""
        headers = self._progress.kept(self.view, facts=bool(step.facts))
        step.seal(self.view.changes(), headers)

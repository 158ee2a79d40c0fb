"""The sweeper: looks in the provider's list for attempts that nobody knows the outcome of, and writes what it finds
into recado.answers. Only the engine, which reads that, writes the journal; what is not found is not written down.

It looks after the partitions that its worker owns now. Evidence that it still writes for a partition it has lost is
harmless, as evidence is. When, how far and what: streams/reconciliation.py. No asyncio here, as a simulation drives it.
"""

import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, TypeVar

from connectors.carriers.base import Listed, NotListed
from connectors.ports import Answers, Clock, Lists, MachineryFault, Spawn
from events.answer import AnswerReceived, Report
from events.callback import Provider
from events.codec import encode_input
from events.envelope import NO_EXTENSIONS, Input, split_subject
from projections.unsettled import Overdue, Unsettled
from streams import reconciliation
from streams.reconciliation import Plan, Trail

log = logging.getLogger(__name__)

SOURCE: Final = "/recado/sweeper"
LOOK_EVERY: Final = 10_000  # ms between two looks at what is unknown
AT_ONCE: Final = 8  # accounts whose lists are asked at once
ASKED: Final = 20  # messages of an account that are asked about one by one in one look
REMEMBERED: Final = 100_000  # messages that were asked about, kept so as not to ask again at once

Work = Coroutine[Any, Any, None]
Found = TypeVar("Found", Unsettled, Overdue)
List = tuple[str, Provider, bool]
"""Whose list: account, provider, and whether it is that of the second connector."""


@dataclass(slots=True)
class Counts:
    """What the sweeper did since the start."""

    sweeps: int = 0
    pages: int = 0
    settled: int = 0
    refused: int = 0  # questions that got no list
    asked: int = 0  # messages asked about one by one


@dataclass(slots=True)
class Sweeper:
    """`unsettled` and `overdue` give what the owned partitions know now; `failed` is told when the machinery fails."""

    lists: Lists
    answers: Answers
    clock: Clock
    spawn: Spawn
    failed: Callable[[BaseException], None]
    unsettled: Callable[[], Iterable[Unsettled]]
    overdue: Callable[[], Iterable[Overdue]] = tuple
    counts: Counts = field(default_factory=Counts)
    _plans: dict[List, Plan] = field(default_factory=dict)
    _busy: set[List] = field(default_factory=set)
    _asked: dict[str, int] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Is a list being asked?"""
        return bool(self._busy)

    def look(self) -> None:
        """Start the sweeps that are due. Does not wait for them; to be called every `LOOK_EVERY`."""
        now = self.clock.now()
        wanted = _by_list(self.unsettled())
        self._plans = {whose: plan for whose, plan in self._plans.items() if whose in wanted or whose in self._busy}
        for whose, attempts in wanted.items():
            client_ids = frozenset(attempt.client_id for attempt in attempts)
            plan = self._plans[whose] = reconciliation.noticed(self._plans.get(whose), client_ids, now)
            if plan.due <= now:
                self._start(whose, self._sweep(whose, attempts))
        for whose, messages in _by_list(self.overdue()).items():
            again = [m for m in messages if reconciliation.ask_again(self._asked.get(m.client_id), now)]
            if again:
                self._start(whose, self._ask(whose, again[:ASKED]))

    def _start(self, whose: List, work: Work) -> None:
        if whose in self._busy or len(self._busy) >= AT_ONCE:
            work.close()
            return
        self._busy.add(whose)
        self.spawn(self._guarded(whose, work))

    async def _guarded(self, whose: List, work: Work) -> None:
        try:
            await work
        except Exception as exc:  # noqa: BLE001 - told to `failed`, which ends the process
            fault = MachineryFault(f"what a provider's list says could not be kept: {type(exc).__name__}")
            fault.__cause__ = exc
            self.failed(fault)
        finally:
            self._busy.discard(whose)

    async def _sweep(self, whose: List, attempts: list[Unsettled]) -> None:
        """Ask for page after page; write down what each settles. Never more than `BUDGET` pages."""
        self.counts.sweeps += 1
        missing = {attempt.client_id: attempt for attempt in attempts}
        oldest = min(attempt.made_at for attempt in attempts)
        plan, trail, lookalikes = self._plans[whose], Trail(), list[Listed]()
        cursor, whole = plan.cursor, plan.cursor is None
        while not trail.ended and missing:
            answer = await self.lists.page(*whose, cursor, oldest)
            if isinstance(answer, NotListed):
                self.counts.refused += 1
                self._plans[whose] = reconciliation.refused(plan, answer, self.clock.now())
                log.warning("account %s: the provider's list is not to be had: %s", whose[0], answer.message)
                return
            self.counts.pages += 1
            for attempt, item in reconciliation.named(answer.items, missing):
                del missing[attempt.client_id]
                await self._tell(attempt, item)
            lookalikes += [item for item in answer.items if item.likeness is not None]
            trail, cursor = reconciliation.followed(trail, answer, oldest), answer.following
        stopped = trail.ended in ("budget", "spared")
        if whole and not stopped:
            for attempt, item in reconciliation.alike(lookalikes, list(missing.values())):
                await self._tell(attempt, item)
        self._plans[whose] = reconciliation.swept(plan, cursor if stopped else None, self.clock.now())

    async def _ask(self, whose: List, messages: list[Overdue]) -> None:
        """Ask about messages one by one: their receipts seem lost."""
        for message in messages:
            answer = await self.lists.look_up(*whose, message.provider_id)
            if isinstance(answer, NotListed):
                self.counts.refused += 1
                return
            self.counts.asked += 1
            self._asked[message.client_id] = self.clock.now()
            for item in answer.items:
                if item.provider_id == message.provider_id and item.client_id in (None, message.client_id):
                    await self._tell(message, item)
        while len(self._asked) > REMEMBERED:
            del self._asked[next(iter(self._asked))]

    async def _tell(self, attempt: Unsettled | Overdue, item: Listed) -> None:
        self.counts.settled += isinstance(attempt, Unsettled)
        value = _record(attempt, item, self.clock.now())
        await self.answers.append(attempt.partition, [(attempt.subject.encode(), value)])


def _by_list(attempts: Iterable[Found]) -> dict[List, list[Found]]:
    """By whose list they are looked for in."""

    def whose(attempt: Found) -> List:
        return attempt.account, attempt.provider, attempt.fallback

    return {name: list(of) for name, of in groupby(sorted(attempts, key=whose), whose)}


def _record(attempt: Unsettled | Overdue, item: Listed, now: int) -> bytes:
    """The event of what is listed: the same word about the same attempt is the same event."""
    report = Report(provider=attempt.provider, status=item.status, code=item.code)
    data = AnswerReceived(
        send_id=attempt.send_id, attempt=attempt.attempt, client_id=attempt.client_id, outcome="accepted",
        provider_id=item.provider_id, report=report,
    )  # fmt: skip
    account, contact = split_subject(attempt.subject)
    name = f"{attempt.client_id}/{item.status or ''}/{'' if item.code is None else item.code}"
    return encode_input(Input(name, SOURCE, data.TYPE, attempt.subject, account, contact, now, data, NO_EXTENSIONS))

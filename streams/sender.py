"""The send path behind the commit: slots, the lease, the one call, and the answer as a record.

`attempted` is permission to call for the tenure that committed it and for nobody after. A call that is not made
because the lease is too old is answered as refused and not final: nothing left this process, whoever owns the
partition now.

Transactional attempts are called singly. Newsletters of one commit and one account share calls of many, as many in each
as the lane allows; each has its own answer. The lanes have their own slots, so that a campaign never delays a password.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from connectors.carriers.base import Accepted, Answer, Refused, Unknown
from connectors.ports import Answers, Clock, Lease, MachineryFault, Provider, Spawn
from events.answer import AnswerReceived
from events.codec import encode_input
from events.envelope import NO_EXTENSIONS, Input, split_subject
from events.shape import Class
from events.topics import SENDS_OF, Role
from projections.send import Call
from streams.lane import Lane
from streams.leave import UNHEARD, Hearing

log = logging.getLogger(__name__)

SOURCE = "/recado/sender"
WITHHELD = Refused(status=None, message="not called: the worker's lease was too old", final=False, scope="withheld")
BULK = 100  # newsletters in one call: instasent.md, section 1
# Most of a slot's time goes by in commits, which cost the less the more they hold: of 64 slots each held 16 sends.
SINGLE_SLOTS = 256
# For a provider that takes one SMS a call: so many of a batch beside each other. Twelve such batches are three fifths
# of a pool of connections, where none of them waits: a wait there would look like a provider that is down.
BESIDE = 16
BULK_SLOTS = 8  # a crash leaves at most 800 newsletters unknown; 8 calls of 300 ms are 2,600 newsletters a second
SPARE_SINGLES, SPARE_BULKS = 64, 4  # used by others while slow providers hold slots: streams/lane.py
CONNECTIONS = SINGLE_SLOTS + SPARE_SINGLES  # of a class
SAY_AGAIN = 60_000  # ms between two words on the same account


async def at_once() -> None:
    """Where nobody goes first."""


def _lanes() -> dict[Role, Lane]:
    singles, bulks = Lane(SINGLE_SLOTS, spare=SPARE_SINGLES), Lane(BULK_SLOTS, BULK, SPARE_BULKS)
    return {Role.TRANSACTIONAL: singles, Role.NEWSLETTER: bulks}


@dataclass(slots=True)
class Sender:
    """Makes permitted calls. `freed` is told whenever a slot comes free; `failed` when the machinery does. Calls of
    many wait until `give_way` lets them go on. `several` says that there are more accounts than one: no lone one is put
    off for others."""

    provider: Provider
    answers: Answers
    lease: Lease
    clock: Clock
    spawn: Spawn
    failed: Callable[[BaseException], None]
    freed: Callable[[], None] = lambda: None
    lanes: dict[Role, Lane] = field(default_factory=_lanes)
    hearing: Hearing = UNHEARD
    give_way: Callable[[], Awaitable[None]] = at_once
    several: Callable[[], bool] = lambda: False
    calls_made: int = 0
    calls_withheld: int = 0
    _said: dict[str, int] = field(default_factory=dict)

    def free(self, role: Role) -> int:
        """Attempts that a lane has room for."""
        lane = self.lanes[role]
        room = lane.slots * lane.size - lane.busy
        return room if room > 0 or not self.several() else room + lane.made_up_for(self.clock.now())

    def put_off(self, account: str, class_: Class, now: int, *, waited: bool) -> int | None:
        """See streams/shares.py."""
        if not self.several():
            return None
        lane = self.lanes[SENDS_OF[class_]]
        until = lane.put_off(account, now, waited=waited)
        if until is not None and lane.is_slow(account) and now >= self._said.get(account, 0):
            self._said[account] = now + SAY_AGAIN
            log.warning("account %s: its provider takes long to answer: some of its sends wait for others'", account)
        return until

    def promise(self, account: str, class_: Class, now: int) -> None:
        """See streams/shares.py."""
        self.lanes[SENDS_OF[class_]].promise(account, now)

    @property
    def busy(self) -> int:
        """Attempts whose answer is not yet durable."""
        return sum(lane.busy for lane in self.lanes.values())

    def reserve(self, call: Call) -> None:
        """Take room for an attempt that is about to be committed."""
        self.lanes[SENDS_OF[call.class_]].reserve(call.account)

    def start(self, calls: Sequence[Call], tenure: int) -> None:
        """Make the calls of one commit beside everything else, in the room reserved for them. It must be durable."""
        together: dict[tuple[Role, str, bool, str], list[Call]] = {}
        for call in calls:
            together.setdefault((SENDS_OF[call.class_], call.account, call.fallback, call.provider), []).append(call)
        for (role, _, _, provider), attempts in together.items():
            lane = self.lanes[role]
            size = lane.size if provider == "instasent" else min(lane.size, BESIDE)
            lane.waiting.extend((attempts[at : at + size], tenure) for at in range(0, len(attempts), size))
            self._go_on(lane)

    def _go_on(self, lane: Lane) -> None:
        while (found := lane.next_call()) is not None:
            self.spawn(self._make(*found, lane))

    async def _make(self, calls: Sequence[Call], tenure: int, lane: Lane) -> None:
        """Hand over attempts of one account in one partition to one provider, in one call if it takes them together."""
        first = calls[0]
        try:
            await self._wait_turn(lane)
            began = self.clock.now()
            lane.began(first.account, began)
            answers = await self._handed_over(calls, tenure)
            lane.ended(first.account, began, self.clock.now())
            await self._wait_turn(lane)
            now = self.clock.now()
            retry_at = self.hearing.told(first.account, first.class_, answers, now, fallback=first.fallback)
            records = [
                (call.subject.encode(), _record(call, answer, retry_at, now))
                for call, answer in zip(calls, answers, strict=True)
            ]
            await self.answers.append(first.partition, records)
        except Exception as exc:  # noqa: BLE001 - told to `failed`, which ends the process
            # No answer becomes of these attempts here; a successor will call them unknown.
            fault = MachineryFault(f"an attempt's answer could not be kept: {type(exc).__name__}")
            fault.__cause__ = exc
            self.failed(fault)
            return
        lane.done(first.account, len(calls))
        self._go_on(lane)
        self.freed()

    async def _wait_turn(self, lane: Lane) -> None:
        """A call of many, and what becomes of its answers, takes some milliseconds at a stretch."""
        if lane.size > 1:
            await self.give_way()

    async def _handed_over(self, calls: Sequence[Call], tenure: int) -> Sequence[Answer]:
        """An answer for each, in order. What is refused as a batch is halved: the lease is asked before every call."""
        first = calls[0]
        if not self.lease.holds(first.partition, tenure):
            self.calls_withheld += 1
            return [WITHHELD] * len(calls)
        self.calls_made += 1
        if first.class_ == "transactional":
            return [await self.provider.send(first)]
        answers = await self.provider.send_many(calls)
        if len(calls) == 1 or not all(isinstance(answer, Refused) and answer.scope == "batch" for answer in answers):
            return answers
        half = len(calls) // 2
        return [*await self._handed_over(calls[:half], tenure), *await self._handed_over(calls[half:], tenure)]


def _record(call: Call, answer: Answer, retry_at: int | None, now: int) -> bytes:
    told: dict[str, object]
    match answer:
        case Accepted():
            told = {"outcome": "accepted", "provider_id": answer.provider_id}
        case Refused():
            message: object = answer.message or None
            if message is not None and call.cipher is not None:  # a provider may repeat the number or the text
                message = {"sealed": str(call.cipher.seal(call.subject, message))}
            told = {"outcome": "refused", "status": answer.status, "message": message, "final": answer.final}
            if not answer.final:
                told["retry_at"] = retry_at
            if answer.scope == "withheld":
                told["withheld"] = True
        case Unknown():
            told = {"outcome": "unknown", "reason": answer.reason}
        case _:
            assert_never(answer)
    told |= {"send_id": call.send_id, "attempt": call.attempt, "client_id": call.client_id}
    data = AnswerReceived.model_validate(told)
    account, contact = split_subject(call.subject)
    return encode_input(
        Input(call.client_id, SOURCE, data.TYPE, call.subject, account, contact, now, data, NO_EXTENSIONS)
    )

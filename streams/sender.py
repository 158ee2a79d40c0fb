"""The send path behind the commit: slots, the lease, the one call, and the answer as a record.

`attempted` is permission to call for the tenure that committed it and for nobody after. A call that is not made
because the lease is too old is answered as refused and not final: nothing left this process, whoever owns the
partition now.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from connectors.carriers.base import Accepted, Answer, Refused, Unknown
from connectors.ports import Answers, Clock, Lease, MachineryFault, Provider, Spawn
from events.answer import AnswerReceived
from events.codec import encode_input
from events.envelope import NO_EXTENSIONS, Input, split_subject
from events.topics import SENDS_OF, Role
from projections.send import Call

log = logging.getLogger(__name__)

SOURCE = "/recado/sender"
WITHHELD = Refused(status=None, message="not called: the worker's lease was too old", final=False)


@dataclass(slots=True)
class Lane:
    """Calls that may be on their way at once in one class."""

    slots: int
    busy: int = 0


@dataclass(slots=True)
class Sender:
    """Makes permitted calls. `freed` is told whenever a slot comes free; `failed` when the machinery does."""

    provider: Provider
    answers: Answers
    lease: Lease
    clock: Clock
    spawn: Spawn
    failed: Callable[[BaseException], None]
    freed: Callable[[], None] = lambda: None
    lanes: dict[Role, Lane] = field(default_factory=lambda: {Role.TRANSACTIONAL: Lane(64), Role.NEWSLETTER: Lane(64)})
    calls_made: int = 0
    calls_withheld: int = 0

    def free(self, role: Role) -> int:
        """Slots of a lane that no attempt holds."""
        lane = self.lanes[role]
        return lane.slots - lane.busy

    @property
    def busy(self) -> int:
        """Attempts whose answer is not yet durable."""
        return sum(lane.busy for lane in self.lanes.values())

    def reserve(self, call: Call) -> None:
        """Take a slot for an attempt that is about to be committed."""
        self.lanes[SENDS_OF[call.class_]].busy += 1

    def start(self, call: Call, tenure: int) -> None:
        """Make the call beside everything else, in the slot reserved for it. The attempt's commit must be durable."""
        self.spawn(self._make(call, tenure, self.lanes[SENDS_OF[call.class_]]))

    async def _make(self, call: Call, tenure: int, lane: Lane) -> None:
        try:
            if self.lease.holds(call.partition, tenure):
                self.calls_made += 1
                answer = await self.provider.send(call)
            else:
                self.calls_withheld += 1
                answer = WITHHELD
            await self.answers.append(call.partition, call.subject.encode(), self._record(call, answer))
        except Exception as exc:  # noqa: BLE001 - told to `failed`, which ends the process
            # No answer becomes of this attempt here; a successor will call it unknown.
            fault = MachineryFault(f"an attempt's answer could not be kept: {type(exc).__name__}")
            fault.__cause__ = exc
            self.failed(fault)
            return
        lane.busy -= 1
        self.freed()

    def _record(self, call: Call, answer: Answer) -> bytes:
        now = self.clock.now()
        told: dict[str, object]
        match answer:
            case Accepted():
                told = {"outcome": "accepted", "provider_id": answer.provider_id}
            case Refused():
                message = answer.message or None
                told = {"outcome": "refused", "status": answer.status, "message": message, "final": answer.final}
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

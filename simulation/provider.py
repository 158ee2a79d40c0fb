"""The provider of the simulated world: takes, refuses, stays silent, takes late; and sends its receipts as it likes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from connectors.carriers.base import NOT_SAID, Accepted, Answer, RateHeaders, Refused, Unknown, UnknownReason
from connectors.http import callback
from connectors.ports import Message
from events import client_id, instant
from events.topics import Role
from projections.send import Call
from simulation.lists import Taken
from simulation.scheduler import Process, sleep

if TYPE_CHECKING:
    from simulation.world import World

_COURSES: Final[tuple[tuple[str, ...], ...]] = (  # what is told of one SMS, in the order in which it happens
    ("sent", "delivered"), ("sent", "delivered"), ("sent", "delivered"), ("delivered",), ("sent", "failed"),
    ("failed",), ("sent", "expired"), ("rejected",), ("sent", "buffered", "delivered"), ("sent",), (),
    ("sent", "unknown"),
)  # fmt: skip
_REPLIES: Final = (
    {"status": "stop"}, {"status": "sent", "message": "Baja"}, {"status": "sent", "message": "ALTA"},
    {"status": "sent", "message": "gracias"},
)  # fmt: skip
WINDOW: Final = 5_000  # ms
_SILENT: Final[tuple[UnknownReason, ...]] = ("timeout", "connection_lost", "server_error")
_REFUSALS: Final[tuple[tuple[str, Refused], ...]] = (
    ("throttled (429)", Refused(429, "too many requests", final=False, scope="rate")),
    ("token revoked (401)", Refused(401, "unauthorized", final=False, scope="account")),
    ("no funds (402)", Refused(402, "payment required", final=False, scope="account")),
    ("not connected", Refused(None, "connection refused", final=False)),
    ("refused for good (422)", Refused(422, "unprocessable", final=True, scope="message")),
)


_WHOLE: Final = Refused(400, "the batch was refused as a whole", final=False, scope="batch")
_OVER: Final = Refused(429, "too many requests", final=False, scope="rate")


class Made(NamedTuple):
    """One call that reached the provider: by whom, and at which of the scheduler's steps."""

    call: Call
    process: Process
    step: int


@dataclass(slots=True)
class Ledger:
    """What the provider knows. `accepted` is a list, so that a double send shows; `told` are the callbacks it sent."""

    calls: list[Made] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)  # the same, as it is listed
    told: dict[str, list[str]] = field(default_factory=dict)
    callbacks: int = 0  # written by the ingress
    answers: int = 0  # written by the senders


@dataclass(slots=True)
class Quota:
    """What the provider allows in a window: calls, or messages where it counts those. `limit` None: whatever comes."""

    limit: int | None
    by_message: bool
    used: int = 0
    ends_at: int = 0

    def counted(self, messages: int, now: int) -> tuple[RateHeaders, bool]:
        """What the answer's headers say, and whether the call may pass."""
        if self.limit is None:
            return NOT_SAID, True
        if now >= self.ends_at:
            self.used, self.ends_at = 0, now + WINDOW
        self.used += messages if self.by_message else 1
        reset = -(-self.ends_at // 1_000) * 1_000  # whole seconds
        return RateHeaders(self.limit, max(0, self.limit - self.used), reset), self.used <= self.limit


@dataclass(slots=True)
class Provider:
    """ports.Provider, as one worker reaches it."""

    world: "World"
    process: Process

    async def send(self, call: Call) -> Answer:
        """See ports.Provider."""
        world = self.world
        await world.point(self.process, "before call")
        if world.group.owners.get(call.partition) != self.process.name:
            world.struck("call by a former owner")
        world.ledger.calls.append(Made(call, self.process, world.scheduler.steps))
        rate, passes = self._counted(1)
        answer = await self._answered(call) if passes else _OVER
        await world.point(self.process, "after call")
        return replace(answer, rate=rate)

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """See ports.Provider. Some faults strike the whole of it, some one SMS of it, and some tear it in two."""
        world = self.world
        await world.point(self.process, "before bulk call")
        if len({(call.account, call.partition) for call in calls}) != 1:
            world.violations.append("ledger: a call for several accounts, or of several partitions")
        if len(calls) > 1 and world.faulty(0.05):
            world.struck("bulk: refused as a whole")  # of which no message was looked at: its halves are tried
            await sleep(world.between(1, 60))
            return [_WHOLE] * len(calls)
        for call in calls:
            if world.group.owners.get(call.partition) != self.process.name:
                world.struck("call by a former owner")
            world.ledger.calls.append(Made(call, self.process, world.scheduler.steps))
        rate, passes = self._counted(len(calls))
        answers = await self._answered_many(calls) if passes else [_OVER] * len(calls)
        await world.point(self.process, "after bulk call")
        return [replace(answer, rate=rate) for answer in answers]

    def _counted(self, messages: int) -> tuple[RateHeaders, bool]:
        world = self.world
        rate, passes = world.quota.counted(messages, world.now) if world.unkind else (NOT_SAID, True)
        if not passes:
            world.struck("over the limit (429)")
        return rate, passes

    async def _answered_many(self, calls: Sequence[Call]) -> list[Answer]:
        world = self.world
        await sleep(world.between(1, 60))
        if world.faulty(0.15):
            what, refused = world.choice(_REFUSALS)
            world.struck(f"bulk: {what}")
            return [refused] * len(calls)
        if world.faulty(0.05):
            world.struck("bulk: no answer, not taken")
            await sleep(world.between(1, 10_000))
            return [Unknown(world.choice(_SILENT))] * len(calls)
        torn = world.between(0, len(calls)) if world.faulty(0.06) else len(calls)
        answers: list[Answer] = []
        for number, call in enumerate(calls):
            if number:
                await world.point(self.process, "inside bulk call")
            if number >= torn:
                answers.append(Unknown("connection_lost"))
            elif world.faulty(0.05):
                world.struck("bulk: one refused")
                answers.append(Refused(201, "to: not a valid number", final=True, scope="message"))
            else:
                name = accept(world, call)
                answers.append(Unknown("server_error") if world.faulty(0.05) else Accepted(name))
        if torn < len(calls) or world.faulty(0.06):
            world.struck("bulk: taken in part, answer lost" if torn < len(calls) else "bulk: taken, answer lost")
            return [Unknown(world.choice(_SILENT))] * len(calls)
        return answers

    async def _answered(self, call: Call) -> Answer:
        world = self.world
        await sleep(world.between(1, 60))
        if world.faulty(0.15):
            what, refused = world.choice(_REFUSALS)
            world.struck(what)
            return refused
        if world.faulty(0.05):
            world.struck("no answer, not taken")
            await sleep(world.between(1, 10_000))
            return Unknown(world.choice(_SILENT))
        if world.faulty(0.03):
            world.struck("no answer, taken late")
            world.outside(self._late(call))
            return Unknown("timeout")
        name = accept(world, call)
        await world.point(self.process, "inside call")
        if world.faulty(0.06):
            world.struck("taken, answer lost")
            return Unknown(world.choice(_SILENT))
        return Accepted(None if world.chance(0.05) else name)

    async def _late(self, call: Call) -> None:
        await sleep(self.world.between(1, 30_000))
        accept(self.world, call)


def accept(world: "World", call: Call) -> str:
    """The SMS goes out; returns the provider's name for it."""
    ledger = world.ledger
    ledger.accepted.append(call.client_id)
    provider_id = f"sms-{len(ledger.accepted)}"
    ledger.taken.append(Taken(call, provider_id, world.now))
    world.tell(f"the provider accepts {call.client_id}")
    world.outside(_receipts(world, call, provider_id))
    return provider_id


async def _receipts(world: "World", call: Call, provider_id: str) -> None:
    """Callbacks of one SMS: repeated, in any order, at once (before the answer is there) or much later."""
    course = list(world.choice(_COURSES))
    if len(course) > 1 and world.faulty(0.3):
        world.struck("receipts reordered")
        world.shuffle(course)
    at = world.now
    bodies: list[dict[str, object]] = [
        {
            "id": provider_id, "clientId": call.client_id, "status": status, "code": 7 if status == "failed" else 0,
            "eventAt": instant.render(at + number),
        }
        for number, status in enumerate(course)
    ]  # fmt: skip
    if world.chance(0.12):
        said = {"id": f"mo-{provider_id}", "clientId": call.client_id, "eventAt": instant.render(at + 9)}
        bodies.append({**said, **world.choice(_REPLIES)})
    for body in list(bodies):
        if world.faulty(0.15):
            world.struck("receipt repeated")
            bodies.insert(world.between(0, len(bodies)), body)
    for body in bodies:
        await sleep(0 if world.chance(0.2) else world.between(1, 2_000))
        if world.faulty(0.05):
            world.struck("receipt late")
            await sleep(world.between(1, 30_000))
        world.ledger.told.setdefault(call.client_id, []).append(str(body["status"]))
        ingress(world, call.account, body)


def ingress(world: "World", account: str, body: dict[str, object]) -> None:
    """What the ingress does with a callback: into the partition that its client id names, any if it is not ours. Now
    and then the same callback becomes another event, as where two ingresses differ in version: but not where the state
    is lost later, as only the state knows that the two are one."""
    ours = client_id.read(world.mac_key, str(body.get("clientId")))
    partition = ours.partition if ours is not None else world.between(0, world.partitions - 1)
    event = callback.event(account, orjson.dumps(body), world.now)
    value = event.value
    if not world.drilled and world.faulty(0.3):
        value = value.replace(b'"source":"/instasent/', b'"source":"/instasent-2/', 1)
    world.ledger.callbacks += 1
    world.broker.publish(Role.CALLBACKS, partition, Message(account.encode(), value), world.now)

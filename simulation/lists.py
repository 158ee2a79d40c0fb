"""What the simulated provider lists, and who writes down what it says besides the sweepers: early, late, repeatedly,
and without knowing of what else was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from connectors.carriers.base import Listed, NotListed, Page
from connectors.ports import Message
from events.answer import AnswerReceived, Report, SendSettled
from events.callback import Provider
from events.codec import encode_input
from events.envelope import Input
from events.likeness import likeness
from events.topics import Role
from projections.send import Call
from simulation.scheduler import Process, sleep

if TYPE_CHECKING:
    from simulation.world import World


class Taken(NamedTuple):
    """An SMS that the provider took, at a time (ms)."""

    call: Call
    provider_id: str
    at: int


@dataclass(slots=True)
class Lists:
    """ports.Lists: newest first, in pages of any size, not always to be had, and new messages show up late."""

    world: "World"
    process: Process

    async def page(
        self, account: str, provider: Provider, fallback: bool, cursor: str | None, since: int
    ) -> Page | NotListed:
        """See ports.Lists."""
        world = self.world
        if (no := await self._refused()) is not None:
            return no
        late = world.now - (world.between(0, 20_000) if world.chance(0.5) else 0)
        shown = [
            taken
            for taken in reversed(world.ledger.taken)
            if (taken.call.account, taken.call.provider, taken.call.fallback) == (account, provider, fallback)
            and taken.at <= late
        ]
        first = int(cursor or 0)
        items = shown[first : first + world.between(1, 20)]
        world.struck("list asked")
        return Page(tuple(self._listed(taken) for taken in items), str(first + len(items)) if items else None)

    async def look_up(self, account: str, provider: Provider, fallback: bool, provider_id: str) -> Page | NotListed:
        """See ports.Lists."""
        if (no := await self._refused()) is not None:
            return no
        self.world.struck("message asked about")
        found = [taken for taken in self.world.ledger.taken if taken.provider_id == provider_id]
        return Page(tuple(self._listed(taken) for taken in found))

    async def _refused(self) -> NotListed | None:
        world = self.world
        await sleep(world.between(1, 60))
        if world.chance(0.2):
            world.struck("list refused")
            return NotListed("", world.choice(("rate", "account", "connection")))
        return None

    def _listed(self, taken: Taken) -> Listed:
        call = taken.call
        named = call.provider == "instasent"
        return Listed(
            call.client_id if named else None,
            taken.provider_id,
            status(self.world, call.client_id),
            None,
            taken.at,
            None if named else likeness(call.to, call.text),
        )


def status(world: "World", client_id: str) -> str | None:
    """What the list says of a message: the last of what its receipts have told, which is not the highest always."""
    told = [word for word in world.ledger.told.get(client_id, ()) if word != "stop"]
    return told[-1] if told else None


async def settle(world: "World") -> None:
    """Somebody says of calls what is true of them, whatever has been said before."""
    while not world.told_all:
        await sleep(world.between(200, 4_000))
        if world.ledger.calls and world.unkind:
            call = world.choice(world.ledger.calls).call
            for message in _said(world, call):
                world.struck("settled from outside")
                world.broker.publish(Role.ANSWERS, call.partition, message, world.now)
                world.ledger.answers += 1


def _said(world: "World", call: Call) -> Sequence[Message]:
    taken = next((taken for taken in world.ledger.taken if taken.call.client_id == call.client_id), None)
    name, send_id, attempt = f"{call.client_id}/{world.now}", call.send_id, call.attempt
    data: AnswerReceived | SendSettled
    if taken is not None and world.chance(0.7):
        word = status(world, call.client_id)
        report = Report(provider=call.provider, status=word)
        name = f"{call.client_id}/{word or ''}/"
        data = AnswerReceived(
            send_id=send_id, attempt=attempt, client_id=call.client_id, outcome="accepted",
            provider_id=taken.provider_id, report=report,
        )  # fmt: skip
    elif taken is not None:
        data = SendSettled(send_id=send_id, attempt=attempt, outcome="accepted", by="ana", because="it is in the list")
    else:
        data = SendSettled(
            send_id=send_id,
            attempt=attempt,
            outcome="refused",
            again=world.chance(0.5),
            by="ana",
            because="it is not in the list",
        )
    event = Input.of(data, id=name, source="/simulation/ana", subject=call.subject, time=world.now)
    return [Message(call.subject.encode(), encode_input(event))] * (2 if world.chance(0.3) else 1)

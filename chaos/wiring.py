"""The product's parts with a trap around each step, put in their places in this process only.

Nothing of the product asks for it: classes are replaced by name, and a name that is gone fails at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from types import ModuleType
from typing import Any, Final

from chaos.trap import Armed
from connectors.kafka.answers import AnswersTopic
from connectors.kafka.changelog import Reader
from connectors.kafka.transaction import TransactionLog
from connectors.ports import Changes
from connectors.state import StateStore
from events.topics import Role
from streams import app, takeover
from streams.engine import engine, table
from streams.provider import AccountProvider

APPENDS: Final = {
    Role.JOURNAL: "journal append", Role.DEAD_LETTERS: "dead letters append", Role.STATE: "changelog append",
}  # fmt: skip
CALLS: Final = {"send": "call", "send_many": "bulk call"}
MOVED: Final = "moved append"
SENT: Final = 0.001  # seconds until a request has left this process; less is nothing to the loop of a worker
ASKED: Final = 0.005  # and until a call has reached the provider, who answers later


def there(module: ModuleType, name: str) -> Any:
    """The part that the product looks up there. Raises AttributeError where there is none."""
    return getattr(module, name)


def put(module: ModuleType, name: str, part: Any) -> None:
    """Put another part in its place. Raises as `there`."""
    there(module, name)
    setattr(module, name, part)


def install(armed: Armed, session: float) -> None:
    """Every step of this process is watched from now on. `session` is the workers' in their group, seconds."""

    class Log(TransactionLog):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            producer = self._producer
            begin, end = producer.begin_transaction, producer.commit_transaction

            async def begun() -> None:
                armed.at("before begin")
                await begin()
                armed.at("after begin")

            async def committed() -> None:
                armed.at("before commit")
                await _inside(armed, "inside commit", end, SENT)
                armed.at("after commit")

            producer.begin_transaction, producer.commit_transaction = begun, committed

        async def open(self) -> None:
            armed.at("before fence")
            await super().open()
            armed.at("after fence")

        async def _append(self, sent: list[Any], role: Role, *given: Any, **named: Any) -> int:
            what = APPENDS.get(role, MOVED)
            armed.at(f"before {what}")
            held = await super()._append(sent, role, *given, **named)
            if armed.watches(f"inside {what}"):
                await asyncio.sleep(SENT)
            armed.at(f"inside {what}")
            if armed.watches(f"after {what}"):
                await asyncio.gather(*sent)  # the broker has it
            armed.at(f"after {what}")
            return held

    class Store(StateStore):
        def write(self, changes: Changes, changelog_next: int, at: int) -> None:
            armed.at("before store write")
            super().write(changes, changelog_next, at)
            armed.at("after store write")

    class Recovering(Reader):
        async def read(self, role: Role, *given: Any, **named: Any) -> AsyncIterator[Any]:
            async for found in super().read(role, *given, **named):
                armed.at("inside recovery" if role is Role.STATE else "inside rebuild")
                yield found

    class TakingOver(takeover.TakeOver):
        async def run(self, *given: Any, **named: Any) -> Any:
            taken = await super().run(*given, **named)
            armed.at("after recovery")
            return taken

    class Answers(AnswersTopic):
        async def append(self, *given: Any, **named: Any) -> None:
            armed.at("before answer append")
            await _inside(armed, "inside answer append", partial(super().append, *given, **named), SENT)
            armed.at("after answer append")

    class Watched(engine.Engine):
        async def take_over(self, *given: Any, **named: Any) -> bool:
            taken = await super().take_over(*given, **named)
            if taken:
                armed.tell({"took_over": sorted(self.running), "at": time.time()})
            return taken

    put(engine, "TransactionLog", Log)
    put(engine, "Reader", Recovering)
    put(table, "StateStore", Store)
    put(takeover, "TakeOver", TakingOver)
    put(app, "AnswersTopic", Answers)
    put(app, "AccountProvider", _calling(armed))
    put(app, "Engine", Watched)
    put(app, "Membership", partial(there(app, "Membership"), session_seconds=session))


def _calling(armed: Armed) -> type[AccountProvider]:
    """The provider with a trap around each of its calls, of one SMS and of many."""

    def watched(name: str, what: str) -> Callable[..., Awaitable[Any]]:
        call: Callable[..., Awaitable[Any]] = getattr(AccountProvider, name)

        async def send(*given: Any, **named: Any) -> Any:
            armed.at(f"before {what}")
            answer = await _inside(armed, f"inside {what}", partial(call, *given, **named), ASKED)
            armed.at(f"after {what}")
            return answer

        return send

    return type("Provider", (AccountProvider,), {name: watched(name, what) for name, what in CALLS.items()})


async def _inside(armed: Armed, point: str, doing: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    """Do it; where the trap is due, it strikes while it is under way."""
    if not armed.due(point):
        return await doing()
    under_way = asyncio.ensure_future(doing())
    await asyncio.sleep(seconds)
    armed.strike()
    return await under_way

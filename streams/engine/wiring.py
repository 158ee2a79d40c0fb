"""Everything an engine needs from outside, named."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from connectors.ports import Clock, Record
from events.topics import Role
from streams.intake import Limits
from streams.pipeline import INPUTS
from streams.takeover import Foldable
from streams.verdict import Lanes
from streams.view import Decode, Encode


class Settings(Protocol):
    """Read by every pipeline before a send: the accounts' settings, and how far they have been read."""

    @property
    def version(self) -> int: ...

    @property
    def unreadable(self) -> Sequence[Record]:
        """Records of recado.accounts that could not be read: partition 0 buries them."""
        ...

    async def caught_up(self) -> None: ...


class Membership(Protocol):
    """What the engine asks of the consumer's thread."""

    def beat_age(self) -> float: ...


CACHED: Final = 320_000  # states kept in memory, about 0.4 KiB each, shared by the partitions that the worker owns


@dataclass(frozen=True, slots=True)
class Wiring:
    """Everything an engine needs from outside, named; made in streams/app.py."""

    topics: Mapping[Role, str]
    topic_ids: Mapping[str, str]
    client: Mapping[str, Any]
    transactional_prefix: str
    workflow: Callable[[int], Foldable]
    encode: Encode
    decode: Decode
    lanes: Lanes
    busy: Callable[[], int]
    clock: Clock
    settings: Settings
    inputs: tuple[Role, ...] = INPUTS
    limits: Limits = field(default_factory=Limits)
    cached: int = CACHED
    on_facts: Callable[[Sequence[Any]], None] | None = None

"""What was fetched of a partition's topics and is not decided yet: what more is wanted, and what may be decided now."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from connectors.ports import Fetch
from events.topics import Role
from streams.inbox import Inbox
from streams.verdict import Lanes

SENDS = (Role.TRANSACTIONAL, Role.NEWSLETTER)  # in the order in which a step takes them: a password first
BATCH = 4_000  # records decided in one commit
NEWSLETTERS = 100  # one call of the provider


@dataclass(slots=True)
class Limits:
    """How much one step takes, of it newsletters (a password may come behind them), how much of one topic is held
    (records, bytes), and how long anything but a newsletter waits for the other topics (ms)."""

    batch: int = BATCH
    newsletters: int = NEWSLETTERS
    inbox: int = 2 * BATCH
    inbox_bytes: int = 3 * 1024 * 1024
    patience: int = 2_000


class Intake:
    """One partition's inboxes. `positions` are the pipeline's, which moves them on as it decides."""

    def __init__(
        self, positions: MutableMapping[Role, int], inputs: Iterable[Role], limits: Limits, lanes: Lanes,
        settings_version: Callable[[], int],
    ) -> None:  # fmt: skip
        self._positions = positions
        self._limits = limits
        self._lanes = lanes
        self._settings_version = settings_version
        self._boxes = {role: Inbox(positions[role]) for role in inputs}

    def box(self, role: Role) -> Inbox:
        """One topic's."""
        return self._boxes[role]

    def wanted(self) -> dict[Role, int]:
        """Topics with room for another fetch, and the position it must start from."""
        room, size = self._limits.inbox, self._limits.inbox_bytes
        return {role: box.tail for role, box in self._boxes.items() if box.held < room and box.size < size}

    def accept(self, fetch: Fetch) -> bool:
        """Take a fetch if it continues what is held; a stale or a torn one is dropped (the next begins at the tail)."""
        box = self._boxes[fetch.role]
        if fetch.start != box.tail:
            return False
        box.add(fetch)
        return True

    def start_at(self, role: Role, position: int) -> None:
        """Before anything was fetched: begin a topic here."""
        self._positions[role] = self._boxes[role].tail = position

    def holds(self, role: Role | None = None) -> bool:
        """Is anything held, or anything of this topic?"""
        if role is None:
            return any(box.fetches for box in self._boxes.values())
        box = self._boxes.get(role)
        return box is not None and bool(box.fetches)

    def hurried(self, now: int) -> bool:
        """Is there a transactional send that may go? What is long in a step is cut short for it."""
        if not self.holds(Role.TRANSACTIONAL) or self._lanes.free(Role.TRANSACTIONAL) <= 0:
            return False
        return self.may_decide(self._boxes[Role.TRANSACTIONAL].fetches[0], now)

    def may_decide(self, fetch: Fetch, now: int) -> bool:
        """Has all been read that lay before these records in the other topics?"""
        if self.read(fetch.ends):
            return True
        return fetch.role is not Role.NEWSLETTER and now - fetch.fetched_at >= self._limits.patience

    def read(self, ends: Mapping[Role, int]) -> bool:
        """Has all been read up to these ends?"""
        for role, end in ends.items():
            read = self._settings_version() if role is Role.ACCOUNTS else self._positions.get(role, end)
            if read < end:
                return False
        return True

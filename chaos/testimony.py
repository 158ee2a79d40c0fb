"""What the facts of a decision tell of what its worker alone could know, so that the decision can be made again."""

from collections.abc import Mapping
from typing import Any

from chaos.evidence import Group
from events.send import SendAttempted, SendDeferred, SendSkipped
from events.shape import Class
from projections.account import Account
from streams.allowance import Standing, Unlimited
from streams.leave import GO, Leave


class ToldGate:
    """streams/leave.py's Gate as the facts tell what it said: when a worker may call the provider is known to it alone,
    but what it was told, and what followed, is in the fact."""

    def __init__(self, group: Group) -> None:
        self._leave = GO
        for of in group.facts:
            data = of.fact.data
            if isinstance(data, SendAttempted) and data.fallback:
                self._leave = Leave(0, "circuit", fallback=True, looked_at=_provider(data))
                return
            if isinstance(data, SendDeferred) and data.reason in ("rate", "circuit") and self._leave is GO:
                self._leave = Leave(data.until, data.reason, looked_at=_provider(data))

    def ask(self, account: Account, class_: Class, now: int, *, waited: bool, may_fall_back: bool = False) -> Leave:
        return self._leave


def _provider(data: SendAttempted | SendDeferred) -> Mapping[str, Any]:
    seen: Mapping[str, Any] = data.looked_at.get("provider", {})
    return seen


class ToldAllowance(Unlimited):
    """streams/allowance.py's Allowance likewise: what a worker's partitions had used together is in the fact."""

    def __init__(self, group: Group) -> None:
        self._standing: Standing | None = None
        for of in group.facts:
            data = of.fact.data
            if isinstance(data, SendAttempted | SendDeferred | SendSkipped) and "share" in data.looked_at:
                seen = data.looked_at
                self._standing = Standing(seen["sent_that_day"], seen["share"], seen.get("opening", False))

    def ask(self, account: str, day: str, per_day: int) -> Standing:
        return self._standing or super().ask(account, day, per_day)


def settings_version(group: Group) -> int | None:
    """The version of the settings that a decision says it looked at; None where it says nothing."""
    for of in group.facts:
        data = of.fact.data
        if isinstance(data, SendAttempted | SendSkipped | SendDeferred) and "settings_version" in data.looked_at:
            return int(data.looked_at["settings_version"])
    return None

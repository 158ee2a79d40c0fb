"""What an operator should know of the sends as they stand: part of `recado doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Finding(NamedTuple):
    """One thing looked at: well (True), wrong (False) or worth a thought (None), and a sentence."""

    well: bool | None
    about: str
    words: str


_WAITS_FOR: Final = {
    "slow": "as the provider takes long to answer, so that others' sends go on",
    "opening": "for a part of the account's day",
}


def waits(engine: Engine) -> Iterator[Finding]:
    """Whose sends wait because the provider cannot be called, or takes no more for now."""
    from connectors.readmodel.waiting import waiting
    from events import instant

    with engine.connect() as connection:
        found = waiting(connection)
    for account, reason, sends, since, until in found:
        about = f"account {account}"
        many = f"{sends:,} send{'s' if sends > 1 else ''} wait{'' if sends > 1 else 's'}"
        whose = "their" if sends > 1 else "its"
        if reason == "circuit":
            remedy = (
                "see its token, its funds and its base URL, and whether the provider is up; they go on by themselves"
            )
            yield Finding(False, about, f"{many} since {instant.render(since)}, as its provider fails: {remedy}")
        elif reason == "withheld":
            remedy = "they go on by themselves; if this lasts, see whether workers are overloaded or lose their broker"
            yield Finding(
                None, about, f"{many} since {instant.render(since)}, as {whose} worker made no call: {remedy}"
            )
        else:
            what = _WAITS_FOR.get(reason, "for the provider's rate")
            yield Finding(None, about, f"{many} {what}, the last of them until about {instant.render(until)}")


def unknowns(engine: Engine) -> Iterator[Finding]:
    """Of which accounts nobody knows whether some sends went."""
    from connectors.readmodel.waiting import unknown
    from events import instant

    with engine.connect() as connection:
        found = unknown(connection)
    for account, sends, since in found:
        many = f"of {sends:,} send{'s' if sends > 1 else ''}, the first since {instant.render(since)}"
        remedy = "a receipt or its provider's list settles them; `recado why SEND_ID` tells more, `recado settle` too"
        yield Finding(None, f"account {account}", f"nobody knows {many}, whether the SMS went: {remedy}")

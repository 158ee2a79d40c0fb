"""Somebody opened a short link. Folds projections/send.py."""

from events.fact import FactData
from events.link import LinkOpened
from events.message import LinkClicked
from projections.send import State

__all__ = ["decide"]


def decide(data: LinkOpened, sent: State, at: int) -> list[FactData]:
    """A fact where the send was attempted; of what is not known (any more) nothing can be told. `at`: ms."""
    if not sent.tried:
        return []
    return [LinkClicked(data.send_id, data.url, at, data.automated)]

"""A command's way of sending events: all durable when the block ends, or the command says which were not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.cli.refusal import Refused
from streams.settings import Settings

if TYPE_CHECKING:
    from connectors.kafka.publisher import Publisher


@contextmanager
def post(settings: Settings) -> Iterator[Publisher]:
    """A publisher on these (located) settings' broker. Raises BrokerUnavailable, and Refused for what was not taken."""
    from connectors.kafka.publisher import Publisher

    with Publisher(settings.kafka or "", settings.topic_prefix, settings.security) as publisher:
        yield publisher
    if publisher.failed:
        first = publisher.failures[0]
        where = "" if first.tag is None else f", first line {first.tag}"
        raise Refused(
            f"Kafka did not take {publisher.failed:,} of {publisher.failed + publisher.durable:,} events "
            f"({first.reason}{where}): do it again when the broker is well; what it took changes nothing then."
        )

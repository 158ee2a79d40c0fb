"""What is asked of the read model by those who decide as the engine does."""

from sqlalchemy import Engine

from connectors.readmodel.histories import attempted
from connectors.readmodel.writer import Slice
from events import instant
from events.codec import encode_fact
from projections import keyspace
from tests.connectors.readmodel.journals import NOON, TOPIC, write_all
from tests.streams.one_partition import OnePartition

HOUR = 3_600_000
MIDNIGHT = NOON + 11 * HOUR  # in Madrid, the account's time zone; the 23rd ends


def test_a_day_that_goes_on_has_as_many_sends_as_the_engine_counts(engine: Engine) -> None:
    world = OnePartition()
    world.subscriber()

    def counted(day: str, begins: int) -> tuple[int, int]:
        """By the read model, and by the engine."""
        records = [(offset, encode_fact(fact)) for offset, fact in enumerate(world.facts)]
        write_all(engine, [Slice(TOPIC, 0, 0, len(records), records)])
        in_the_engine = world.view.get(keyspace.day_key("acme", day))
        return attempted(engine, "acme", begins, begins + 24 * HOUR), in_the_engine

    again, _, later = [world.attempt(send_id) for send_id in ("again", "once", "later")]
    world.answer(again, "refused", status=429, final=False)
    world.answer(later, "refused", status=429, final=False, retry_at=instant.render(MIDNIGHT + HOUR))
    world.wait(HOUR)
    assert (world.calls[-1].send_id, world.calls[-1].attempt) == ("again", 2)
    assert counted("2026-11-23", MIDNIGHT - 24 * HOUR) == (3, 3)
    world.wait(MIDNIGHT + 2 * HOUR - world.now)
    assert (world.calls[-1].send_id, world.calls[-1].attempt) == ("later", 2)
    assert counted("2026-11-24", MIDNIGHT) == (1, 1)

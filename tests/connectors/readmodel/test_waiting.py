"""Whose sends wait for the provider's sake, and since when."""

from dataclasses import replace

from sqlalchemy import Engine

from connectors.readmodel.waiting import Waiting, waiting
from events.examples import REQUESTED
from events.send import SendDeferred, SendSkipped
from tests.connectors.readmodel.journals import NOON, Journal, write_all


def _deferred(send_id: str, reason: str, until: int) -> SendDeferred:
    return SendDeferred(send_id, "newsletter", until, reason, REQUESTED.as_json())  # type: ignore[arg-type]


def test_sends_that_wait_are_counted_by_account_and_reason_and_no_others(engine: Engine) -> None:
    journal = Journal()
    journal.add("acme/ana", _deferred("s1", "circuit", NOON + 9_000))
    journal.add("acme/luis", _deferred("s2", "circuit", NOON + 5_000))
    journal.add("acme/luis", _deferred("s3", "rate", NOON + 7_000))
    journal.add("other/eva", _deferred("s4", "quiet_hours", NOON + 7_000))
    journal.add(
        "other/eva", _deferred("s5", "circuit", NOON + 7_000), SendSkipped("s5", "newsletter", "expired", "late")
    )
    write_all(engine, journal.slices())
    with engine.connect() as connection:
        assert waiting(connection) == [
            Waiting("acme", "circuit", 2, NOON, NOON + 9_000),
            Waiting("acme", "rate", 1, NOON + 2_000, NOON + 7_000),
        ]


def test_those_whose_call_was_withheld_are_counted_apart_from_those_whose_provider_fails(engine: Engine) -> None:
    withheld = replace(_deferred("s1", "circuit", NOON + 9_000), looked_at={"withheld": True})
    journal = Journal()
    journal.add("acme/ana", withheld, _deferred("s2", "circuit", NOON + 5_000))
    write_all(engine, journal.slices())
    with engine.connect() as connection:
        told = [(one.reason, one.sends, one.until) for one in waiting(connection)]
    assert told == [("circuit", 1, NOON + 5_000), ("withheld", 1, NOON + 9_000)]


def test_those_that_wait_for_others_or_for_the_day_are_counted_apart_from_those_whose_provider_takes_no_more(
    engine: Engine,
) -> None:
    slow = replace(_deferred("s1", "rate", NOON + 1_000), looked_at={"provider": {"slots": "slow"}})
    opening = replace(_deferred("s2", "rate", NOON + 2_000), looked_at={"opening": True})
    journal = Journal()
    journal.add("acme/ana", slow, opening, _deferred("s3", "rate", NOON + 3_000))
    write_all(engine, journal.slices())
    with engine.connect() as connection:
        told = [(one.reason, one.until) for one in waiting(connection)]
    assert told == [("opening", NOON + 2_000), ("rate", NOON + 3_000), ("slow", NOON + 1_000)]

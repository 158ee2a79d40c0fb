"""The limit of a day, against fraud and runaway loops."""

import pytest

from events.send import SendAttempted, SendDeferred, SendSkipped
from projections import keyspace
from projections.keyspace import View
from streams.allowance import Ledger, Standing
from tests.streams.one_partition import PARTITION, OnePartition, folded, rebuilt, said

HOUR = 3_600_000


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    world.subscriber("acme/eva", "+34612345679")
    world.configure(limits={"per_day": 2})
    return world


def _skipped(world: OnePartition, send_id: str) -> SendSkipped:
    (fact,) = said(world.request(send_id))
    assert isinstance(fact, SendSkipped)
    return fact


def test_no_more_is_attempted_in_a_day_whoever_gets_it(world: OnePartition) -> None:
    world.attempt("s1")
    world.attempt("s2", to={"alert": "+34612345678"}, class_="newsletter")
    fact = _skipped(world, "s3")
    assert fact.reason == "account_limit"
    assert fact.detail == "the account allows 2 SMS a day, and 2 went on 2026-11-23"
    seen = {name: fact.looked_at[name] for name in ("day", "per_day", "sent_that_day", "share")}
    assert seen == {"day": "2026-11-23", "per_day": 2, "sent_that_day": 2, "share": 2}
    (other,) = said(world.request("s4", subject="acme/eva"))
    assert isinstance(other, SendSkipped)


def test_the_day_begins_at_midnight_in_the_account_s_time_zone(world: OnePartition) -> None:
    world.attempt("s1")
    world.attempt("s2")
    world.wait(16 * HOUR - 1)  # 23:59:59.999 in Madrid
    assert _skipped(world, "s3").reason == "account_limit"
    world.wait(1)
    world.attempt("s4")


def test_an_attempt_that_was_refused_counts_as_each_attempt_does(world: OnePartition) -> None:
    world.answer(world.attempt("s1"), "refused", status=429, final=False)
    assert [fact.TYPE for fact in world.wait(HOUR)] == [SendAttempted.TYPE]
    assert _skipped(world, "s2").reason == "account_limit"


def test_attempts_before_the_limit_was_set_count(world: OnePartition) -> None:
    world.configure(limits=None)
    for number in range(3):
        world.attempt(f"s{number}")
    world.configure(limits={"per_day": 3})
    assert _skipped(world, "s4").looked_at["sent_that_day"] == 3
    world.configure(limits={"per_day": 4})
    world.attempt("s5")


def test_the_journal_alone_brings_the_counts_back(world: OnePartition) -> None:
    world.attempt("s1")
    world.attempt("s2", subject="acme/eva")
    view = rebuilt(world.facts)
    assert folded(view) == folded(world.view)
    assert view.get(keyspace.day_key("acme", "2026-11-23")) == 2


def test_what_needs_another_partition_s_part_waits_a_moment(world: OnePartition) -> None:
    views: dict[int, View] = {PARTITION: world.view, **{of: keyspace.MemoryView() for of in range(3)}}
    world.ledger = Ledger(8, lambda: views)  # two SMS in eight partitions: this one has no part of its own
    assert world.ledger.of(0).ask("acme", "2026-11-23", 2) == Standing(0, 1)
    (waits,) = said(world.request("s1"))
    assert isinstance(waits, SendDeferred)
    assert (waits.reason, waits.until) == ("rate", world.now + 250)
    assert waits.looked_at["opening"]


def test_an_account_without_a_limit_is_counted_and_never_asked(world: OnePartition) -> None:
    world.configure(limits=None)
    fact = said(world.request("s1"))[0]
    assert isinstance(fact, SendAttempted)
    assert fact.day == "2026-11-23"
    assert "share" not in fact.looked_at

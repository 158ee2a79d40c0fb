"""Receipts that come before their attempt, and receipts that are not ours."""

import pytest

from events import client_id
from events.envelope import Undecodable
from events.message import MessageStateChanged
from projections.send import Call
from tests.streams.one_partition import KEY, PARTITION, OnePartition, said


def _sent(count: int = 1) -> tuple[OnePartition, list[Call]]:
    """A subscriber to whom so many SMS went, all accepted."""
    world = OnePartition()
    world.subscriber()
    calls = [world.attempt(f"s{n}") for n in range(count)]
    for call in calls:
        world.answer(call, provider_id="p")
    return world, calls


def test_a_receipt_that_comes_before_its_attempt_waits_for_it_and_forbids_the_call() -> None:
    world = OnePartition()
    world.subscriber()
    hashed = client_id.send_hash("acme/ana@example.com", "s")
    ours = client_id.make(KEY, PARTITION, hashed, 1)
    assert world.receipt(ours, "delivered").outcome == "applied"
    assert world.receipt(ours, "delivered").outcome == "repeated"
    assert world.facts[-1].data.TYPE == "recado.subscription.changed.v1"
    decision = world.request()
    assert [type(fact).__name__ for fact in said(decision)] == ["SendAttempted", "SendAccepted", "MessageStateChanged"]
    assert decision.calls == []
    assert world.view.scan(b"r/", 10) == []


def test_a_receipt_of_a_later_attempt_waits_for_that_one() -> None:
    world = OnePartition()
    world.subscriber()
    call = world.attempt()
    world.receipt(client_id.make(KEY, PARTITION, call.send_hash, 2), "delivered")
    assert len(world.view.scan(b"r/", 10)) == 1
    world.answer(call, "refused", status=429, final=False)
    facts = world.wait(1_500)
    assert isinstance(facts[-1], MessageStateChanged)
    assert (facts[-1].attempt, len(world.calls)) == (2, 1)


def test_early_receipts_are_kept_in_a_bounded_number() -> None:
    world = OnePartition()
    ours = client_id.make(KEY, PARTITION, "a" * 16, 1)
    for n in range(100):
        world.receipt(ours, "sent", code=n)
    ((_, (_, waiting)),) = world.view.scan(b"r/", 10)
    assert len(waiting) == 16


@pytest.mark.parametrize(
    "name",
    [None, "", "x", "3-1-aaaaaaaaaaaaaaaa-aaaaaaaaaa", client_id.make(b"another key", PARTITION, "a" * 16, 1)],
)
def test_a_receipt_that_is_not_ours_is_a_dead_letter(name: str | None) -> None:
    world = OnePartition()
    with pytest.raises(Undecodable) as refused:
        world.receipt(name, "delivered")
    assert refused.value.reason == "client_id"
    assert world.view.values == {}


def test_a_receipt_of_another_partition_is_a_dead_letter() -> None:
    with pytest.raises(Undecodable, match="partition"):
        OnePartition().receipt(client_id.make(KEY, PARTITION + 1, "a" * 16, 1), "delivered")


def test_an_account_cannot_speak_of_another_account_s_sends() -> None:
    world, (call,) = _sent()
    with pytest.raises(Undecodable, match="account"):
        world.receipt(call.client_id, "delivered", account="other")

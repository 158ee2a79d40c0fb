"""The operator's hand: an account that is stopped, and sends that are cancelled while they wait."""

import pytest

from events.send import SendAttempted, SendDeferred, SendSkipped
from events.shape import Class
from tests.streams.one_partition import OnePartition, folded, rebuilt, said, sealed_world

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = "2026-11-23T07:00:00.001Z"  # one millisecond after what a world asks for first


@pytest.fixture
def world() -> OnePartition:
    world = OnePartition()
    world.subscriber()
    return world


def _reasons(world: OnePartition, ms: int) -> list[str]:
    return [fact.reason if isinstance(fact, SendSkipped) else fact.TYPE for fact in world.wait(ms)]


def test_what_waits_for_the_morning_is_cancelled_by_label_by_id_and_altogether(world: OnePartition) -> None:
    world.configure(quiet_hours={"newsletter": {"from": "21:00", "to": "09:00"}})
    for send_id, labels in (("s1", ["a"]), ("s2", ["b"]), ("s3", [])):
        world.request(send_id, "newsletter", labels=labels)
    world.cancel(label="a", before=NOW)
    world.cancel(send_id="s2", before=NOW)
    assert sorted(_reasons(world, HOUR)) == ["cancelled", "cancelled", SendAttempted.TYPE]
    world.request("s4", "newsletter", not_before="2026-11-24T09:00:00Z")
    world.cancel(before="2026-11-24T07:00:00Z")
    assert _reasons(world, DAY + HOUR) == ["cancelled"]


def test_what_waits_for_next_week_is_skipped_once_it_is_cancelled(world: OnePartition) -> None:
    for send_id in ("s1", "s2", "s3"):
        world.request(send_id, labels=["a"] if send_id == "s2" else [], not_before="2026-11-30T09:00:00Z")
    assert world.recall() == []
    world.cancel(label="a", before=NOW)
    (fact,) = world.recall()
    assert isinstance(fact, SendSkipped)
    assert (fact.send_id, fact.reason) == ("s2", "cancelled")
    assert world.recall() == []
    assert _reasons(world, 8 * DAY) == [SendAttempted.TYPE] * 2


@pytest.mark.parametrize("slice_", [1, 2, 3, 7, 1_000])
def test_all_that_waits_is_walked_however_small_the_slices(world: OnePartition, slice_: int) -> None:
    world.save("sale", "Rebajas", labels=["a"])
    for n in range(7):
        class_: Class = "newsletter" if n % 2 else "transactional"
        world.request(f"s{n}", class_, template="sale", not_before=f"2026-11-24T0{n}:00:00Z")
    world.cancel(label="a", before=NOW)
    assert {fact.send_id for fact in world.recall(slice_) if isinstance(fact, SendSkipped)} == {
        f"s{n}" for n in range(7)
    }
    assert _reasons(world, 2 * DAY) == []


def test_what_nobody_knows_the_outcome_of_is_not_skipped(world: OnePartition) -> None:
    call = world.attempt("s")
    world.answer(call, "unknown", reason="timeout")
    world.cancel(before=NOW)
    assert world.recall() == []
    assert world.settle(call, "accepted").facts


def test_what_is_asked_for_once_it_was_cancelled_does_not_wait_for_its_time(world: OnePartition) -> None:
    world.cancel(before=NOW)
    (fact,) = said(world.request("s", not_before="2026-11-30T09:00:00Z"))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "cancelled"


def test_a_sealed_accounts_sends_are_found_by_label_without_opening_them() -> None:
    world = sealed_world()
    world.subscriber()
    world.request("s1", labels=["a"], not_before="2026-11-30T09:00:00Z", text="Hola")
    world.request("s2", not_before="2026-11-30T09:00:00Z", text="Hola")
    world.cancel(label="a", before=NOW)
    (fact,) = world.recall()
    assert isinstance(fact, SendSkipped)
    assert (fact.send_id, fact.reason) == ("s1", "cancelled")


def test_the_state_that_the_journal_makes_has_no_timer_of_what_was_cancelled(world: OnePartition) -> None:
    world.request("s", not_before="2026-11-30T09:00:00Z")
    world.cancel(before=NOW)
    world.recall()
    assert folded(rebuilt(world.facts)) == folded(world.view)


def test_what_was_refused_and_waits_for_its_next_attempt_is_cancelled_too(world: OnePartition) -> None:
    call = world.attempt("s", labels=["a"])
    *_, deferred = world.answer(call, "refused", status=429, final=False)
    assert isinstance(deferred, SendDeferred)
    world.cancel(label="a", before=NOW)
    assert _reasons(world, HOUR) == ["cancelled"]


def test_what_is_asked_for_later_goes(world: OnePartition) -> None:
    world.cancel(label="a", before=NOW)
    world.now += 1
    assert world.request("s", labels=["a"]).calls


def test_both_a_label_and_an_id_must_fit_where_both_are_named(world: OnePartition) -> None:
    world.cancel(label="a", send_id="s1", before=NOW)
    (fact,) = said(world.request("s1", labels=["a"]))
    assert isinstance(fact, SendSkipped)
    assert world.request("s2", labels=["a"]).calls


def test_an_account_that_is_stopped_skips_what_waits_when_its_time_comes_and_what_is_asked_for(
    world: OnePartition,
) -> None:
    world.request("s1", not_before="2026-11-23T08:00:00Z")
    world.configure(stopped=True)
    (fact,) = said(world.request("s2"))
    assert isinstance(fact, SendSkipped)
    assert fact.reason == "stopped"
    assert _reasons(world, HOUR) == ["stopped"]
    world.configure(stopped=False)
    assert world.request("s3").calls
    assert said(world.request("s2")) == []  # skipped is skipped


def test_what_is_at_the_provider_cannot_be_called_back(world: OnePartition) -> None:
    call = world.attempt("s")
    world.cancel(before=NOW)
    world.configure(stopped=True)
    (fact,) = world.answer(call, provider_id="p")
    assert fact.TYPE == "recado.send.accepted.v1"

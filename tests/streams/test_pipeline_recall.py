"""A cancellation reaches what waits at once: all timers of a partition are walked, in slices, once for each."""

import pytest

from events.topics import Role
from streams import recall
from tests.streams.memory_world import NOON, World

TOMORROW = NOON + 86_400_000


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Five newsletters wait for tomorrow; a slice is two."""
    monkeypatch.setattr(recall, "SLICE", 2)
    world = World()
    world.given(Role.CONTACTS, *(f"later n{n} {TOMORROW + n}" for n in range(5)))
    world.fetched()
    world.run()
    world.script.decided.clear()
    return world


def test_nothing_is_walked_while_nothing_is_cancelled(world: World) -> None:
    assert not world.step()
    assert world.script.decided == []


def test_all_that_waits_is_walked_slice_by_slice_and_once(world: World) -> None:
    world.script.cancelled_up_to = 1
    assert world.run() == 3
    assert world.script.decided == [f"recall of n{n}" for n in range(5)]
    assert world.facts[5:] == [(f"acme/n{n}", 2) for n in range(5)]
    assert world.pipeline.next_wake() is None
    world.script.cancelled_up_to = 2
    world.run()
    assert world.script.decided == [f"recall of n{n}" for n in range(5)]


def test_a_slice_in_which_nothing_was_cancelled_ends_no_walk_and_writes_nothing(world: World) -> None:
    world.given(Role.CONTACTS, *(f"later kept{n} {NOON + 1_000}" for n in range(3)))
    world.fetched()
    world.run()
    commits = world.names.count("commit")
    world.script.cancelled_up_to = 1
    assert world.step()
    assert world.names.count("commit") == commits
    world.run()
    assert [words for words in world.script.decided if "recall of n" in words] == [f"recall of n{n}" for n in range(5)]


def test_a_new_owner_begins_the_walk_again_and_skips_nothing_twice(world: World) -> None:
    world.script.cancelled_up_to = 1
    assert world.step()
    world.take_over()
    world.run()
    assert sorted(world.facts[5:]) == [(f"acme/n{n}", 2) for n in range(5)]


def test_a_new_owner_does_not_walk_for_what_was_heeded(world: World) -> None:
    world.script.cancelled_up_to = 1
    world.run()
    world.script.decided.clear()
    world.given(Role.CONTACTS, f"later n7 {TOMORROW}")
    world.take_over()
    world.fetched(Role.CONTACTS)
    world.run()
    assert world.script.decided == [f"later n7 {TOMORROW}"]


def test_one_on_which_a_decider_fails_stops_nobody_and_is_told_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.given(Role.CONTACTS, f"later bug {NOON + 1_000}")
    world.fetched()
    world.run()
    world.script.cancelled_up_to = 1
    world.run()
    assert "DeciderBug" in caplog.text
    assert world.saved(b"c/half-made") is None
    world.clock.at += 1_000
    world.run()
    assert [letter["reason"] for letter in world.dead_letters] == ["decider"]

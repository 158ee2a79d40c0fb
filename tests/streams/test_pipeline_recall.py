"""A cancellation reaches what waits at once: all timers of a partition are walked, a few at a time, once for each."""

import pytest

from events.topics import Role
from streams import recall
from streams.recall import EVERY, PACE
from tests.streams.memory_world import NOON, World

TOMORROW = NOON + 86_400_000
ALL = [f"recall of n{n}" for n in range(5)]


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


def walk(world: World) -> int:
    """Let time pass from wake to wake until there is nothing to walk; return how many wakes there were."""
    wakes = 0
    while (at := world.pipeline.next_wake()) is not None and at < TOMORROW:
        world.clock.at = max(world.clock.at, at)
        world.run()
        wakes += 1
    return wakes


def test_nothing_is_walked_while_nothing_is_cancelled(world: World) -> None:
    assert not world.step()
    assert world.script.decided == []
    assert world.pipeline.next_wake() == TOMORROW


def test_all_that_waits_is_walked_slice_by_slice_and_once(world: World) -> None:
    world.script.cancelled_up_to = 1
    assert world.run() == 1
    assert world.script.decided == ALL[:2]
    assert world.pipeline.next_wake() == NOON + PACE
    assert walk(world) == 2
    assert world.script.decided == ALL
    assert world.facts[5:] == [(f"acme/n{n}", 2) for n in range(5)]
    assert world.pipeline.next_wake() is None


def test_one_walk_serves_all_cancellations_that_came_meanwhile(world: World) -> None:
    world.given(Role.CONTACTS, f"later kept {TOMORROW + 9}")
    world.fetched()
    for version in (1, 2, 3):
        world.script.cancelled_up_to = version
        world.run()
    walk(world)
    assert world.script.decided.count("recall of kept") == 2, "once for the first, once for those behind it"
    ended = world.clock.at
    world.script.cancelled_up_to = 4
    assert not world.step()
    assert world.pipeline.next_wake() == ended + EVERY


def test_a_slice_in_which_nothing_was_cancelled_writes_nothing(world: World) -> None:
    world.given(Role.CONTACTS, *(f"later kept{n} {TOMORROW + 9}" for n in range(3)))
    world.fetched()
    world.run()
    world.script.cancelled_up_to = 1
    walk(world)
    commits, facts = world.names.count("committed"), len(world.facts)
    world.script.cancelled_up_to = 2
    walk(world)
    assert world.names.count("committed") == commits + 1, "how far was walked, at the end"
    assert len(world.facts) == facts


def test_what_is_walked_is_not_kept_in_memory(world: World) -> None:
    world.script.cancelled_up_to = 1
    kept = len(world.pipeline.view._clean)
    walk(world)
    assert len(world.pipeline.view._clean) <= kept + 1 + len(ALL)  # the facts' contacts, and how far was walked


def test_a_password_goes_before_the_walk(world: World) -> None:
    world.given(Role.TRANSACTIONAL, "send password")
    world.fetched()
    world.script.cancelled_up_to = 1
    assert world.step()
    assert world.script.decided == ["send password"]
    world.forget_calls()
    walk(world)
    assert world.script.decided[1:] == ALL


def test_a_new_owner_begins_the_walk_again_and_skips_nothing_twice(world: World) -> None:
    world.script.cancelled_up_to = 1
    assert world.step()
    world.take_over()
    walk(world)
    assert sorted(world.facts[5:]) == [(f"acme/n{n}", 2) for n in range(5)]


def test_a_new_owner_does_not_walk_for_what_was_heeded(world: World) -> None:
    world.script.cancelled_up_to = 1
    walk(world)
    world.script.decided.clear()
    world.given(Role.CONTACTS, f"later n7 {TOMORROW}")
    world.take_over()
    world.fetched(Role.CONTACTS)
    world.run()
    assert world.script.decided == [f"later n7 {TOMORROW}"]


def test_one_on_which_a_decider_fails_stops_nobody_and_is_told_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    hour = NOON + 10_000
    world.given(Role.CONTACTS, f"later bug {hour}")
    world.fetched()
    world.run()
    world.script.cancelled_up_to = 1
    walk(world)
    assert "DeciderBug" in caplog.text
    assert [words for words in world.script.decided if "recall of n" in words] == ALL
    assert world.saved(b"c/half-made") is None
    world.clock.at = hour
    world.run()
    assert [letter["reason"] for letter in world.dead_letters] == ["decider"]

"""One partition's pipeline: what it takes in which order, what it commits together, and what it starts when."""

import orjson
import pytest

from connectors.memory import drive
from connectors.ports import Fetch
from events.topics import Role
from streams.intake import Limits
from streams.progress import COUNTS, POSITIONS, SILENT_HEADER, STATE_HEADER
from tests.streams.memory_world import NOON, PARTITION, World, call_of


def test_answers_then_contacts_then_callbacks_then_the_two_classes_of_sends() -> None:
    world = World()
    for role in (Role.NEWSLETTER, Role.TRANSACTIONAL, Role.CALLBACKS, Role.CONTACTS, Role.ANSWERS):
        world.given(role, f"fact {role.value}")
    world.fetched()
    assert world.run() == 1
    assert world.script.decided == [
        f"fact {role}" for role in ("answers", "contacts", "callbacks", "sends.transactional", "sends.newsletter")
    ]


def test_the_records_of_one_topic_keep_their_order_over_fetches_and_steps() -> None:
    world = World(limits=Limits(batch=4))
    world.given(Role.CONTACTS, *(f"fact c{n}" for n in range(20)))
    for limit in (3, 1, 9, 7):
        assert world.pipeline.accept(world.fetch(Role.CONTACTS, limit=limit))
    world.run()
    assert world.script.decided == [f"fact c{n}" for n in range(20)]
    assert [subject for subject, _ in world.facts] == [f"acme/c{n}" for n in range(20)]


def test_facts_state_positions_and_counts_move_in_one_commit() -> None:
    world = World(topic_ids={"contacts": "id-1"})
    world.given(Role.CONTACTS, "fact ana", "silent bea", "repeated", "unreadable", "move 3")
    world.fetched()
    assert world.run() == 1
    (commit,) = world.log.commits
    assert len(commit.facts) == len(commit.dead_letters) == len(commit.moved) == 1
    assert orjson.loads(commit.changes[POSITIONS] or b"")["contacts"] == [5, "id-1"]
    counts = {"read": 5, "applied": 1, "unchanged": 1, "repeated": 1, "moved": 1, "dead": 1}
    assert orjson.loads(commit.changes[COUNTS] or b"")["contacts"] == counts
    assert commit.changes[b"c/acme/ana"] == b"1"
    assert world.store.values == {key: value for key, value in commit.changes.items() if value is not None}
    assert world.store.changelog_next == world.broker.topic(Role.STATE, PARTITION).end - 1


def test_the_last_fact_of_a_commit_carries_positions_counts_and_the_ids_of_what_left_no_fact() -> None:
    world = World()
    world.given(Role.CONTACTS, "silent first")
    world.fetched()
    world.run()
    assert world.journal == []
    world.given(Role.CONTACTS, "fact ana", "silent second", "fact bea")
    world.fetched()
    world.run()
    ana, bea = world.journal
    headers = dict(bea.headers)
    assert ana.headers == ()
    state = orjson.loads(headers[STATE_HEADER])
    assert state["positions"]["contacts"][0] == 4
    assert state["counts"]["contacts"]["unchanged"] == 2
    assert headers[SILENT_HEADER] == b"first..........." + b"second.........."
    world.given(Role.CONTACTS, "fact cleo")
    world.fetched()
    world.run()
    assert dict(world.journal[-1].headers)[SILENT_HEADER] == b""


def test_ids_that_wait_for_a_fact_outlive_their_owner() -> None:
    world = World()
    world.given(Role.CONTACTS, "silent first")
    world.fetched()
    world.run()
    world.take_over()
    world.given(Role.CONTACTS, "fact ana")
    world.fetched()
    world.run()
    assert dict(world.journal[-1].headers)[SILENT_HEADER] == b"first..........."


def test_nothing_fetched_means_nothing_committed() -> None:
    world = World()
    assert not world.step()
    assert world.log.commits == []


def test_a_fetch_of_markers_alone_moves_the_position_and_is_committed() -> None:
    world = World()
    world.given(Role.CONTACTS, "fact ana")
    world.broker.topic(Role.CONTACTS, PARTITION).mark()
    world.fetched()
    world.run()
    world.broker.topic(Role.CONTACTS, PARTITION).mark()
    world.broker.topic(Role.CONTACTS, PARTITION).mark()
    assert world.fetch(Role.CONTACTS).records == []
    world.fetched()
    assert world.step()
    assert world.pipeline.positions[Role.CONTACTS] == 4
    assert world.saved(POSITIONS)["contacts"][0] == 4


def test_holes_between_records_lose_nothing() -> None:
    """Compaction and markers leave holes; the positions of a fetch bound it, not its records' offsets."""
    world = World(limits=Limits(batch=1))
    for name in ("ana", "bea", "cleo"):
        world.broker.topic(Role.CONTACTS, PARTITION).mark()
        world.given(Role.CONTACTS, f"fact {name}")
        world.broker.topic(Role.CONTACTS, PARTITION).mark()
    world.fetched()
    while world.step():
        log, pipeline = world.take_over()  # at every commit another owner, who begins at the saved position
        assert log is world.log
        assert pipeline.positions[Role.CONTACTS] == world.saved(POSITIONS)["contacts"][0]
        world.fetched()
    assert world.script.decided == ["fact ana", "fact bea", "fact cleo"]


def test_a_stale_a_later_and_an_overlapping_fetch_are_dropped_and_the_right_one_is_asked_for() -> None:
    world = World()
    world.given(Role.CONTACTS, *(f"fact c{n}" for n in range(10)))
    assert world.pipeline.accept(world.fetch(Role.CONTACTS, 0, 4))
    assert not world.pipeline.accept(world.fetch(Role.CONTACTS, 0, 4)), "stale: what it holds was accepted before"
    assert not world.pipeline.accept(world.fetch(Role.CONTACTS, 2, 6)), "overlapping"
    assert not world.pipeline.accept(world.fetch(Role.CONTACTS, 7, 3)), "later: between lies what nobody has seen"
    assert world.pipeline.wanted()[Role.CONTACTS] == 4
    world.run()
    assert not world.pipeline.accept(world.fetch(Role.CONTACTS, 0, 4)), "stale: what it holds was committed"
    world.fetched()
    world.run()
    assert world.script.decided == [f"fact c{n}" for n in range(10)]


def test_a_fetch_that_was_decided_in_part_goes_on_where_it_was_left() -> None:
    world = World(slots=2)
    world.given(Role.TRANSACTIONAL, *(f"send s{n}" for n in range(5)))
    world.fetched()
    assert world.step()
    assert world.script.decided == ["send s0", "send s1"]
    assert world.saved(POSITIONS)["sends.transactional"][0] == 2
    assert not world.step(), "no slot, no decision"
    world.make_calls()
    assert world.step()
    assert world.script.decided == ["send s0", "send s1", "send s2", "send s3"]
    world.make_calls()
    world.run()
    world.make_calls()
    assert [call.send_id for call in world.provider.calls] == ["s0", "s1", "s2", "s3", "s4"]


def test_slots_are_held_from_the_decision_on_so_that_two_partitions_never_share_one() -> None:
    """A partition decides while another one's commit is under way: what that one decided counts already."""
    world = World(slots=3)
    world.given(Role.TRANSACTIONAL, "send a", "send b")
    world.fetched()
    for name in ("x", "y"):
        world.sender.reserve(call_of(name, partition=2))
    world.step()
    assert world.script.decided == ["send a"]
    assert world.sender.busy == 3
    world.forget_calls()


def test_a_full_lane_holds_up_its_own_class_only() -> None:
    world = World(slots=1)
    world.sender.reserve(call_of("other", Role.NEWSLETTER, 2))
    world.given(Role.NEWSLETTER, "send campaign")
    world.given(Role.TRANSACTIONAL, "send password")
    world.fetched()
    world.run()
    assert world.script.decided == ["send password"]
    world.forget_calls()


def test_an_inbox_is_bounded_in_records_and_in_bytes() -> None:
    world = World(limits=Limits(inbox=3, inbox_bytes=1_000))
    world.given(Role.CONTACTS, "fact a", "fact b", "fact c")
    world.given(Role.CALLBACKS, "fact " + "d" * 2_000)
    world.fetched()
    assert set(world.pipeline.wanted()) == set(world.inputs) - {Role.CONTACTS, Role.CALLBACKS}
    world.run()
    assert set(world.pipeline.wanted()) == set(world.inputs)


def test_the_calls_of_a_batch_start_after_its_commit_and_after_the_store() -> None:
    world = World()
    world.given(Role.TRANSACTIONAL, "send ana", "send bea")
    world.fetched()
    world.run()
    assert world.names == ["committed", "written"]
    assert len(world.started) == 2
    world.make_calls()
    assert world.names == ["committed", "written", "called", "answered", "called", "answered"]


def test_a_timer_fires_when_it_is_due_and_its_calls_wait_for_the_commit_too() -> None:
    world = World()
    due = NOON + 5_000
    world.given(Role.CONTACTS, f"timer ana {due}")
    world.fetched()
    world.run()
    assert world.pipeline.next_wake() == due
    world.clock.at = due - 1
    assert not world.step()
    world.clock.at = due
    assert world.step()
    assert world.names[-2:] == ["committed", "written"]
    assert world.facts == [("acme/ana", 1), ("acme/ana", 2)]
    assert world.pipeline.next_wake() is None
    world.make_calls()
    assert [call.send_id for call in world.provider.calls] == ["ana"]


def test_timers_wait_for_slots() -> None:
    world = World(slots=1)
    world.given(Role.CONTACTS, f"timer a {NOON}", f"timer b {NOON}")
    world.fetched()
    assert world.run() == 2, "the records, and the one timer that there is a slot for"
    assert world.script.decided[-1] == "timer of a"
    assert world.pipeline.next_wake() == NOON
    world.make_calls()
    assert world.run() == 1
    assert world.script.decided[-1] == "timer of b"
    world.forget_calls()


def test_a_stopped_pipeline_accepts_decides_and_commits_nothing() -> None:
    world = World()
    world.given(Role.CONTACTS, "fact ana", "fact bea")
    world.fetched()
    world.pipeline.stopped = True
    assert not world.step()
    assert not world.pipeline.accept(Fetch(Role.CONTACTS, 2, 3, ()))
    assert world.facts == []


def test_a_new_owner_goes_on_from_the_saved_positions_and_counts() -> None:
    world = World(limits=Limits(batch=3))
    world.given(Role.CONTACTS, *(f"fact c{n}" for n in range(5)))
    world.fetched()
    assert world.step()
    world.take_over()
    assert world.pipeline.wanted()[Role.CONTACTS] == 3
    world.fetched()
    world.run()
    assert world.script.decided == [f"fact c{n}" for n in range(5)]
    assert world.saved(COUNTS)["contacts"]["read"] == 5


def test_a_wake_up_for_nothing_is_asked_by_nobody() -> None:
    world = World()
    assert world.pipeline.idle
    assert world.pipeline.next_wake() is None
    world.given(Role.CONTACTS, "fact ana")
    world.fetched()
    assert not world.pipeline.idle
    assert drive(world.pipeline.step())
    assert world.pipeline.idle


def test_a_full_newsletter_lane_holds_up_no_transactional_send_and_no_transactional_timer() -> None:
    world = World(slots=1, size=2)
    world.given(Role.CONTACTS, f"timer anna {NOON + 50}", f"later luisa {NOON + 50}")
    world.given(Role.NEWSLETTER, "send a", "send b", "send c")
    world.fetched()
    world.run()
    assert world.sender.free(Role.NEWSLETTER) == 0
    world.clock.at = NOON + 60
    world.run()
    assert "timer of anna" in world.script.decided
    assert "timer of luisa" not in world.script.decided
    world.make_calls()
    world.given(Role.TRANSACTIONAL, "send password")
    world.fetched(Role.TRANSACTIONAL)
    world.run()
    assert "send password" in world.script.decided
    assert "timer of luisa" in world.script.decided
    world.make_calls()


def test_newsletters_of_one_commit_are_called_together_once_they_are_durable() -> None:
    world = World(slots=4, size=3)
    world.given(Role.NEWSLETTER, *[f"send n{number}" for number in range(7)])
    world.fetched()
    world.run()
    assert world.provider.calls == []
    world.make_calls()
    assert world.provider.bulks == [["n0", "n1", "n2"], ["n3", "n4", "n5"], ["n6"]]
    assert len(world.provider.calls) == 7
    assert world.names.index("committed") < world.names.index("called")


def test_attempts_without_an_answer_are_never_more_than_the_slots_times_their_size() -> None:
    world = World(slots=2, size=3)
    world.given(Role.NEWSLETTER, *[f"send n{number}" for number in range(50)])
    world.fetched()
    seen = 0
    while world.run() or world.started:
        assert world.sender.busy <= 6
        seen = max(seen, world.sender.busy)
        world.make_calls()
    assert seen == 6
    assert len(world.provider.calls) == 50


@pytest.mark.parametrize(("role", "at_most"), [(Role.NEWSLETTER, 5), (Role.ANSWERS, 50)])
def test_a_transactional_send_that_comes_meanwhile_cuts_short_what_is_long(role: Role, at_most: int) -> None:
    world = World(slots=1_000, limits=Limits(newsletters=1_000))
    words = "later" if role is Role.NEWSLETTER else "answer"
    world.given(role, *(f"{words} n{number} {2**41}" for number in range(600)))
    world.fetched(role)
    waiting = True

    async def comes() -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            world.given(Role.TRANSACTIONAL, "send ana")
            world.fetched(Role.TRANSACTIONAL)

    world.pipeline._pause = comes
    assert world.step()
    assert world.script.decided.index("send ana") == at_most
    assert len(world.script.decided) <= at_most + 6, "and it is committed with them, as there was no commit yet"
    world.run()
    assert len(world.script.decided) == 601, "and nothing is lost"
    world.forget_calls()


def test_what_was_decided_lets_others_go_first_once_more_before_it_is_committed() -> None:
    world = World()
    world.given(Role.NEWSLETTER, f"later ana {2**41}")
    world.fetched(Role.NEWSLETTER)
    seen: list[tuple[int, int]] = []

    async def pause() -> None:
        seen.append((len(world.script.decided), len(world.journal)))

    world.pipeline._pause = pause
    assert world.step()
    assert seen == [(1, 0)]


def test_a_commit_that_holds_a_transactional_send_waits_for_nobody_else() -> None:
    world = World()
    world.given(Role.TRANSACTIONAL, "send ana")
    world.fetched(Role.TRANSACTIONAL)
    pauses = 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1

    world.pipeline._pause = pause
    assert world.step()
    assert pauses == 0
    world.forget_calls()


@pytest.mark.parametrize(("role", "slice_", "old"), [(Role.NEWSLETTER, 5, 501), (Role.ANSWERS, 50, 2_001)])
def test_a_step_that_stood_still_for_too_long_decides_no_more_with_its_old_clock(
    role: Role, slice_: int, old: int
) -> None:
    world = World(slots=1_000)
    words = "later" if role is Role.NEWSLETTER else "answer"
    world.given(role, *(f"{words} n{number} {2**41}" for number in range(90)))
    world.fetched(role)

    async def stands_still() -> None:
        world.clock.at += old

    world.pipeline._pause = stands_still
    assert world.step()
    assert len(world.script.decided) == slice_
    world.run()
    assert len(world.script.decided) == 90, "the rest with the next reading"
    world.forget_calls()


def test_the_commit_of_a_transactional_send_holds_few_newsletters() -> None:
    world = World(slots=1_000, limits=Limits(newsletters=1_000))
    world.given(Role.TRANSACTIONAL, "send ana")
    world.given(Role.NEWSLETTER, *(f"later n{number} {2**41}" for number in range(600)))
    world.fetched()
    assert world.step()
    assert world.script.decided[0] == "send ana"
    assert len(world.script.decided) == 6
    assert world.step()
    assert len(world.script.decided) == 601
    world.forget_calls()

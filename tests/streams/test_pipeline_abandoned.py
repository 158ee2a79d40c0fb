"""Attempts that a former owner left open: unknown (crash), once its answers have been read, and in the first commit."""

from connectors.memory import Step
from events.topics import Role
from tests.streams.memory_world import PARTITION, World


def crashed(*sends: str) -> World:
    """A world whose owner died with these attempts committed, and no answer to them."""
    world = World()
    world.given(Role.TRANSACTIONAL, *(f"send {name}" for name in sends))
    world.fetched()
    world.run()
    world.forget_calls()
    world.script.decided.clear()
    world.take_over()
    return world


def test_an_open_attempt_is_abandoned_in_the_first_commit() -> None:
    world = crashed("ana")
    world.pipeline.await_answers(0)
    assert world.step()
    assert world.script.decided == ["abandon ana"]
    assert world.store.get(b"o/ana") is None
    assert not world.step(), "and once"


def test_not_before_the_answers_that_lay_there_have_been_read() -> None:
    world = crashed("ana", "bea")
    world.given(Role.ANSWERS, "answer ana")
    world.broker.topic(Role.ANSWERS, PARTITION).mark()
    world.pipeline.await_answers(world.broker.topic(Role.ANSWERS, PARTITION).end)
    world.given(Role.CONTACTS, "fact other")
    world.fetched(Role.CONTACTS)
    assert world.step()
    assert world.script.decided == ["fact other"]
    world.fetched(Role.ANSWERS)
    assert world.step()
    assert world.script.decided == ["fact other", "answer ana", "abandon bea"]


def test_the_owners_own_attempts_are_not_abandoned() -> None:
    world = World()
    world.pipeline.await_answers(0)
    world.given(Role.TRANSACTIONAL, "send ana")
    world.fetched()
    world.run()
    assert world.script.decided == ["send ana"]
    assert world.store.get(b"o/ana") is not None
    world.forget_calls()


def test_attempts_of_this_owner_are_left_alone_while_inherited_ones_wait_for_answers() -> None:
    world = crashed("ana")
    world.given(Role.ANSWERS, "fact far")
    world.pipeline.await_answers(1)
    world.given(Role.TRANSACTIONAL, "send bea")
    world.fetched(Role.TRANSACTIONAL)
    assert world.step()
    world.fetched(Role.ANSWERS)
    world.run()
    assert world.script.decided == ["send bea", "fact far", "abandon ana"]
    assert world.store.get(b"o/bea") is not None
    world.forget_calls()


def test_nothing_is_called_for_what_was_abandoned() -> None:
    world = crashed("ana")
    world.pipeline.await_answers(0)
    world.run()
    assert world.started == []
    assert Step("called", PARTITION) not in world.broker.steps

"""Order across topics: what lay before a send in contacts, callbacks and accounts is read before it is decided."""

import pytest

from connectors.ports import Fetch, Message
from events.topics import Role
from streams import takeover
from streams.intake import Limits
from streams.pipeline import BEFORE_TIMERS
from tests.streams.memory_world import NOON, PARTITION, World

BEFORE = (Role.CONTACTS, Role.CALLBACKS)


@pytest.mark.parametrize("sends", [Role.TRANSACTIONAL, Role.NEWSLETTER])
@pytest.mark.parametrize("other", BEFORE)
def test_a_send_waits_for_what_lay_before_it_in_another_topic(sends: Role, other: Role) -> None:
    world = World()
    world.given(other, "fact unsubscribed")
    world.given(sends, "send ana")
    world.fetched(sends)
    assert not world.step(), "it has been fetched, and what lies before it has not"
    world.fetched(other)
    world.run()
    assert world.script.decided == ["fact unsubscribed", "send ana"]
    world.forget_calls()


@pytest.mark.parametrize("sends", [Role.TRANSACTIONAL, Role.NEWSLETTER])
def test_a_send_waits_for_the_settings_that_lay_before_it(sends: Role) -> None:
    world = World()
    world.broker.publish(Role.ACCOUNTS, 0, Message(b"acme", b"stopped"), NOON)
    world.given(sends, "send ana")
    world.fetched(sends)
    assert not world.step()
    world.script.accounts_read = 1
    assert world.step()
    world.forget_calls()


def test_a_contact_waits_for_the_settings_that_lay_before_it_and_two_seconds_at_most() -> None:
    world = World(limits=Limits(patience=2_000))
    world.broker.publish(Role.ACCOUNTS, 0, Message(b"acme", b"the country"), NOON)
    world.given(Role.CONTACTS, "fact ana")
    world.fetched(Role.CONTACTS)
    assert not world.step()
    world.script.accounts_read = 1
    assert world.step()
    world.broker.publish(Role.ACCOUNTS, 0, Message(b"acme", b"in a transaction that nobody ends"), NOON)
    world.given(Role.CONTACTS, "fact eva")
    world.fetched(Role.CONTACTS)
    world.clock.at += 1_999
    assert not world.step()
    world.clock.at += 1
    assert world.step()


def test_what_came_after_the_fetch_is_not_waited_for() -> None:
    world = World()
    world.given(Role.NEWSLETTER, "send ana")
    world.fetched(Role.NEWSLETTER)
    world.given(Role.CONTACTS, "fact later")
    assert world.step()
    assert world.script.decided == ["send ana"]
    world.forget_calls()


def test_a_marker_at_the_end_is_waited_for_and_passed_by_a_fetch_of_nothing() -> None:
    world = World()
    world.broker.topic(Role.CONTACTS, PARTITION).mark()
    world.given(Role.NEWSLETTER, "send ana")
    world.fetched(Role.NEWSLETTER)
    assert not world.step()
    world.fetched(Role.CONTACTS)
    assert world.step()
    assert world.script.decided == ["send ana"]
    world.forget_calls()


def test_a_transactional_send_waits_no_longer_than_its_patience() -> None:
    world = World(limits=Limits(patience=2_000))
    world.given(Role.CONTACTS, "fact far behind")
    world.given(Role.TRANSACTIONAL, "send password")
    world.fetched(Role.TRANSACTIONAL)
    world.clock.at += 1_999
    assert not world.step()
    world.clock.at += 1
    assert world.step()
    assert world.script.decided == ["send password"]
    world.forget_calls()


def test_a_newsletter_waits_as_long_as_it_takes() -> None:
    world = World()
    world.given(Role.CONTACTS, "fact far behind")
    world.given(Role.NEWSLETTER, "send campaign")
    world.fetched(Role.NEWSLETTER)
    world.clock.at += 86_400_000
    assert not world.step()


def test_an_import_that_fills_every_batch_holds_up_no_password() -> None:
    """Sends have their own part of a batch: however much is fetched of contacts, a step decides sends too."""
    world = World(limits=Limits(batch=80, patience=2_000))
    world.given(Role.CONTACTS, *(f"fact row{n}" for n in range(500)))
    world.given(Role.TRANSACTIONAL, "send password")
    world.fetched()
    world.clock.at += 2_000
    assert world.step()
    assert world.script.decided[-1] == "send password"
    assert len(world.script.decided) == 81
    world.forget_calls()


def test_a_campaign_is_decided_behind_a_steady_stream_of_updates() -> None:
    world = World(limits=Limits(batch=80))
    world.given(Role.CONTACTS, *(f"fact before{n}" for n in range(100)))
    world.given(Role.NEWSLETTER, "send campaign")
    world.fetched()
    for turn in range(3):
        world.given(Role.CONTACTS, *(f"fact after{turn}-{n}" for n in range(100)))
        world.fetched(Role.CONTACTS)
        world.step()
    assert "send campaign" in world.script.decided
    assert world.script.decided.index("send campaign") > world.script.decided.index("fact before99")
    world.forget_calls()


def test_the_order_holds_for_each_fetch_of_sends_on_its_own() -> None:
    world = World()
    world.given(Role.NEWSLETTER, "send first")
    world.fetched(Role.NEWSLETTER)
    world.given(Role.CONTACTS, "fact unsubscribed")
    world.given(Role.NEWSLETTER, "send second")
    world.fetched(Role.NEWSLETTER)
    assert world.step()
    assert world.script.decided == ["send first"]
    world.fetched(Role.CONTACTS)
    world.run()
    assert world.script.decided == ["send first", "fact unsubscribed", "send second"]
    world.forget_calls()


def test_without_ends_the_order_would_be_lost() -> None:
    """The same records, fetched without asking for ends: the barrier is what makes the order."""
    world = World()
    world.given(Role.CONTACTS, "fact unsubscribed")
    world.given(Role.NEWSLETTER, "send ana")
    fetch = world.fetch(Role.NEWSLETTER)
    assert fetch.ends[Role.CONTACTS] == 1
    assert world.pipeline.accept(Fetch(fetch.role, fetch.start, fetch.next, fetch.records))
    world.run()
    assert world.script.decided == ["send ana"]
    world.forget_calls()


def waiting(word: str) -> World:
    """A world in which one send waits until NOON + 1,000."""
    world = World(limits=Limits(batch=16, patience=2_000))
    world.given(Role.CONTACTS, f"{word} ana {NOON + 1_000}")
    world.fetched()
    world.run()
    return world


@pytest.mark.parametrize("word", ["timer", "later"])
@pytest.mark.parametrize("other", BEFORE_TIMERS)
def test_a_timer_waits_for_what_lay_in_another_topic_when_it_became_due(word: str, other: Role) -> None:
    world = waiting(word)
    world.given(other, "fact unsubscribed")
    world.clock.at = NOON + 1_000
    assert not world.step(), "it is due, and what lies before it has not been read"
    world.fetched(other)
    world.run()
    assert world.script.decided[1:] == ["fact unsubscribed", "timer of ana"]
    world.forget_calls()


@pytest.mark.parametrize("word", ["timer", "later"])
def test_a_new_owner_fires_no_timer_before_the_backlog_was_read(word: str) -> None:
    world = waiting(word)
    world.given(Role.CONTACTS, "fact unsubscribed")
    world.clock.at = NOON + 86_400_000
    _, pipeline = world.take_over()
    takeover.begin(pipeline, {role: (0, world.broker.topic(role, PARTITION).end) for role in world.inputs})
    assert not world.step(), "it has been due for long, and nothing of the backlog was read"
    world.clock.at += 1_999
    assert not world.step()
    world.fetched()
    world.run()
    assert world.script.decided[1:] == ["fact unsubscribed", "timer of ana"]
    world.forget_calls()


def test_a_transactional_timer_waits_no_longer_than_its_patience_and_a_newsletters_as_long_as_it_takes() -> None:
    world = waiting("timer")
    world.given(Role.CONTACTS, f"later luisa {NOON + 1_000}")
    world.fetched()
    world.run()
    world.given(Role.CONTACTS, "fact far behind")
    world.clock.at = NOON + 1_000
    assert not world.step()
    world.clock.at = NOON + 2_999
    assert not world.step()
    assert world.pipeline.next_wake() == NOON + 3_249, "it is looked at again, and nobody waits busily"
    world.clock.at = NOON + 3_000
    assert world.step()
    assert world.script.decided[-1] == "timer of ana"
    world.clock.at += 86_400_000
    assert not world.step()
    world.fetched()
    world.run()
    assert world.script.decided[-2:] == ["fact far behind", "timer of luisa"]
    world.forget_calls()


def test_a_timer_fires_behind_a_steady_stream_of_updates_and_one_question_is_enough() -> None:
    world = waiting("later")
    world.given(Role.CONTACTS, *(f"fact before{n}" for n in range(40)))
    world.clock.at = NOON + 1_000
    world.fetched()
    for turn in range(3):
        world.step()
        world.given(Role.CONTACTS, *(f"fact after{turn}-{n}" for n in range(40)))
        world.fetched(Role.CONTACTS)
    decided = world.script.decided
    assert decided.index("timer of ana") > decided.index("fact before39")
    assert world.questions == 1
    world.forget_calls()

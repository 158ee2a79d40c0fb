"""What cannot be decided here: dead letters, decider bugs, records of another partition, faults of the machinery."""

import pytest

from connectors.memory import Fault, MemoryStore, Stored
from connectors.ports import Fenced, Fetch, MachineryFault, Message
from events.dead_letter import decode_dead_letter
from events.topics import Role
from streams.burial import BESIDE, BURIED, MINUTE, ORIGIN
from streams.intake import Limits
from streams.progress import POSITIONS
from tests.streams.memory_world import NOON, PARTITION, DeciderBug, World, call_of


def test_what_cannot_be_read_goes_to_the_dead_letters_in_the_same_commit() -> None:
    world = World()
    world.given(Role.CONTACTS, "fact ana", "unreadable", "fact bea")
    world.fetched()
    assert world.run() == 1
    (commit,) = world.log.commits
    assert len(commit.facts) == 2
    (buried,) = commit.dead_letters
    letter = decode_dead_letter(buried.value or b"")
    assert (letter.reason, letter.detail, letter.original) == ("schema", "a field is missing", b"unreadable")
    assert (letter.topic, letter.partition, letter.offset, letter.at) == ("recado.contacts", PARTITION, 1, NOON)
    assert world.saved(POSITIONS)["contacts"][0] == 3


@pytest.mark.parametrize("words", ["unreadable", "bug ana", "move 3"])
def test_a_half_made_change_of_a_record_that_failed_is_taken_back_and_of_others_is_not(words: str) -> None:
    world = World()
    world.given(Role.CONTACTS, "fact ana", words, "fact ana")
    world.fetched()
    world.run()
    assert world.facts == [("acme/ana", 1), ("acme/ana", 2)]
    assert world.saved(b"c/acme/ana") == 2
    assert world.store.get(b"c/half-made") is None


def test_a_record_on_which_a_decider_fails_is_buried_with_its_bytes_and_no_words_of_it_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.given(Role.CONTACTS, "bug +34600000001")
    world.fetched()
    world.run()
    (letter,) = world.dead_letters
    assert letter["reason"] == "decider"
    assert "DeciderBug" in letter["detail"]
    assert "DeciderBug" in caplog.text
    assert "memory_world.py:" in caplog.text, "where it failed is said"
    assert "+34600000001" not in caplog.text + letter["detail"]


def test_more_bugs_than_a_few_within_a_minute_stop_the_worker_and_bury_nothing_of_the_batch() -> None:
    world = World()
    world.given(Role.TRANSACTIONAL, *(["bug password"] * (BURIED + 1)))
    world.fetched()
    with pytest.raises(MachineryFault, match="fault of the code") as stopped:
        world.step()
    assert isinstance(stopped.value.__cause__, DeciderBug)
    assert world.log.commits == []
    assert world.dead_letters == []


def test_the_same_number_of_bugs_over_more_than_a_minute_does_not() -> None:
    world = World()
    for _ in range(3 * BURIED):
        world.given(Role.CONTACTS, "bug ana")
        world.fetched()
        world.run()
        world.clock.at += MINUTE // BURIED + 1
    assert len(world.dead_letters) == 3 * BURIED


def test_a_bug_over_several_batches_within_a_minute_stops_it_all_the_same() -> None:
    world = World(limits=Limits(batch=1))
    world.given(Role.CONTACTS, *(["bug ana"] * (BURIED + 1)))
    world.fetched()
    with pytest.raises(MachineryFault):
        world.run()
    assert len(world.dead_letters) == BURIED
    assert world.saved(POSITIONS)["contacts"][0] == BURIED, "the one that stopped it is still to be decided"


def test_a_fault_of_the_machinery_below_a_decider_is_no_bug_of_the_decider() -> None:
    class Torn(MemoryStore):
        broken = False

        def get(self, key: bytes) -> bytes | None:
            if self.broken:
                raise MachineryFault("the state cannot be read")
            return super().get(key)

    world = World()
    world.store = store = Torn()
    world.take_over()
    world.given(Role.CONTACTS, "fact ana")
    world.fetched()
    store.broken = True
    with pytest.raises(MachineryFault, match="cannot be read"):
        world.step()
    assert world.log.commits == []


def test_a_record_of_another_partition_is_moved_there_with_its_origin_and_left_out_here() -> None:
    world = World()
    world.given(Role.TRANSACTIONAL, "move 3", headers=[("traceparent", b"00-1")])
    world.fetched()
    world.run()
    (moved,) = world.broker.topic(Role.TRANSACTIONAL, 3).records
    assert moved.value == b"move 3"
    assert moved.headers == (("traceparent", b"00-1"), (ORIGIN, b"sends.transactional/1/0"))
    assert world.facts == []
    assert world.script.moved_seen == [False]


def test_the_workflow_is_told_that_a_record_was_moved_and_its_origin_is_there_once() -> None:
    world = World()
    world.given(Role.CONTACTS, "fact ana", "move 3", headers=[(ORIGIN, b"contacts/7/4711")])
    world.fetched()
    world.run()
    assert world.script.moved_seen == [True, True]
    (moved,) = world.broker.topic(Role.CONTACTS, 3).records
    assert moved.headers == ((ORIGIN, b"contacts/1/1"),)


def test_moved_records_keep_their_order_and_commit_with_the_position() -> None:
    world = World()
    world.given(Role.CONTACTS, "move 3", "move 2", "move 3")
    world.fetched()
    world.log.faults.append(Fault(MachineryFault("no answer")))
    with pytest.raises(MachineryFault):
        world.step()
    assert world.broker.topic(Role.CONTACTS, 3).records == []
    world.take_over()
    world.fetched()
    world.run()
    origins = [dict(record.headers)[ORIGIN] for record in world.broker.topic(Role.CONTACTS, 3).records]
    assert origins == [b"contacts/1/0", b"contacts/1/2"]


def test_a_strangers_key_and_headers_never_make_a_record_that_does_not_fit_its_topic() -> None:
    """A compressed batch can carry what is larger than a topic takes: moving it must not stop the worker for ever."""
    world = World()
    huge = b"x" * (BESIDE + 1)
    for offset, words in enumerate(("move 3", "unreadable")):
        record = Stored(offset, huge, words.encode(), (("a", b"1"), ("b", huge), ("c", b"2")))
        assert world.pipeline.accept(Fetch(Role.CONTACTS, offset, offset + 1, [record]))
    world.run()
    (commit,) = world.log.commits
    ((_, moved),) = commit.moved
    assert moved.key is None
    assert moved.headers == [("a", b"1"), (ORIGIN, b"contacts/1/0")]
    (letter,) = commit.dead_letters
    assert letter.key is None
    assert len(letter.value or b"") < 256 * 1024


@pytest.mark.parametrize("fault", [Fenced("taken over"), MachineryFault("the outcome is not known")])
@pytest.mark.parametrize("written", [False, True])
def test_after_a_commit_that_failed_nothing_is_written_to_the_store_and_nothing_is_called(
    fault: Exception, written: bool
) -> None:
    world = World()
    world.given(Role.TRANSACTIONAL, "send ana")
    world.fetched()
    world.log.faults.append(Fault(fault, written))
    with pytest.raises(type(fault)):
        world.step()
    assert world.started == []
    assert world.store.values == {}
    assert world.pipeline.view.changed, "the batch is not taken for committed"


def test_after_a_store_that_failed_nothing_is_called() -> None:
    world = World()
    world.given(Role.TRANSACTIONAL, "send ana")
    world.fetched()
    world.store.faults.append(MachineryFault("the disk is full"))
    with pytest.raises(MachineryFault, match="disk"):
        world.step()
    assert world.started == []


def test_an_owner_that_was_fenced_writes_nothing_any_more() -> None:
    world = World()
    old_log, old = world.log, world.pipeline
    world.given(Role.TRANSACTIONAL, "send ana")
    assert old.accept(world.fetch(Role.TRANSACTIONAL))
    world.take_over()
    current, world.pipeline = world.pipeline, old
    with pytest.raises(Fenced):
        world.step()
    assert old_log.commits == []
    assert world.started == []
    world.pipeline = current
    world.fetched()
    world.run()
    assert world.facts == [("acme/ana", 1)]
    world.forget_calls()


def test_a_topic_that_was_made_anew_stops_the_worker_before_it_decides() -> None:
    world = World(topic_ids={"contacts": "id-1"})
    world.given(Role.CONTACTS, "fact ana")
    world.fetched()
    world.run()
    world.topic_ids = {"contacts": "id-2"}
    with pytest.raises(MachineryFault, match="contacts was deleted and made anew"):
        world.take_over()


def test_calls_that_were_reserved_by_others_are_nobody_elses() -> None:
    world = World(slots=1)
    world.sender.reserve(call_of("elsewhere"))
    world.given(Role.TRANSACTIONAL, "send ana")
    world.broker.publish(Role.CONTACTS, PARTITION, Message(None, b"fact bea"), NOON)
    world.fetched()
    world.run()
    assert world.script.decided == ["fact bea"]


def test_a_timer_on_which_a_decider_fails_is_buried_and_holds_up_no_other() -> None:
    world = World()
    world.given(Role.CONTACTS, f"timer ana {NOON + 1}", f"timer bug {NOON + 2}", f"timer bea {NOON + 3}")
    world.fetched()
    world.run()
    world.clock.at = NOON + 10
    world.run()
    assert [call for call in world.script.decided if call.startswith("timer of")][-1] == "timer of bea"
    assert world.facts[3:] == [("acme/ana", 2), ("acme/bea", 2)]
    assert world.sender.busy == 2
    (letter,) = world.dead_letters
    assert (letter["reason"], letter["topic"], letter["offset"]) == ("decider", "recado.sends.transactional", -1)
    buried = world.broker.topic(Role.DEAD_LETTERS, 0).records[0]
    assert not decode_dead_letter(buried.value or b"").whole, "it was no record: nothing is to be replayed"
    assert "DeciderBug" in letter["detail"]
    assert world.store.get(b"c/half-made") is None
    assert world.pipeline.next_wake() is None, "it never fires again"
    world.forget_calls()


def test_more_failing_timers_than_a_few_within_a_minute_stop_the_worker_and_all_stay() -> None:
    world = World()
    world.given(Role.CONTACTS, *(f"later bug{n} {NOON + 1}" for n in range(BURIED + 1)))
    world.fetched()
    world.run()
    before = world.pipeline.next_wake()
    world.clock.at = NOON + 10
    with pytest.raises(MachineryFault, match="fault of the code"):
        world.step()
    assert world.dead_letters == []
    _, again = world.take_over()
    assert again.next_wake() == before

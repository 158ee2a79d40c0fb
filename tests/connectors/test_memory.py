"""The log, the reader and the answers in memory behave as Kafka's do: fence, holes, atomic commits, faults to order."""

import pytest

from connectors.memory import Fault, MemoryAnswers, MemoryBroker, MemoryLog, MemoryReader, Step, Stored, drive
from connectors.ports import Commit, Fenced, MachineryFault, Message
from events.topics import Role


def commit_of(name: bytes, at: int = 5) -> Commit:
    return Commit(
        facts=[Message(name, b"fact")], changes={b"c/" + name: b"1"}, dead_letters=[Message(None, b"letter")],
        moved=[(Role.CONTACTS, Message(name, b"moved", [("h", b"1")], 2))], at=at,
    )  # fmt: skip


def read(broker: MemoryBroker, role: Role, partition: int, batch: int = 2) -> tuple[list[Stored], int]:
    async def all_of() -> tuple[list[Stored], int]:
        found: list[Stored] = []
        at = 0
        async for records, after in MemoryReader(broker, batch).read(role, partition, 0, broker.topic(role, 1).end):
            found += records
            at = after
        return found, at

    result: tuple[list[Stored], int] = drive(all_of())
    return result


def test_a_commit_lies_in_every_topic_it_wrote_to_and_leaves_a_marker_in_each() -> None:
    broker = MemoryBroker()
    log = MemoryLog(broker, 1).open()
    assert drive(log.commit(commit_of(b"a"))) == 1
    assert drive(log.commit(commit_of(b"b"))) == 3
    for role, partition in ((Role.JOURNAL, 1), (Role.STATE, 1), (Role.DEAD_LETTERS, 0), (Role.CONTACTS, 2)):
        topic = broker.topic(role, partition)
        assert ([record.offset for record in topic.records], topic.end) == ([0, 2], 4)
    assert broker.topic(Role.CONTACTS, 2).records[0] == Stored(0, b"a", b"moved", (("h", b"1"),), 5)
    assert broker.steps == [Step("opened", 1), Step("committed", 1), Step("committed", 1)]


def test_opening_fences_whoever_opened_before() -> None:
    broker = MemoryBroker()
    old, other = MemoryLog(broker, 1).open(), MemoryLog(broker, 2).open()
    new = MemoryLog(broker, 1).open()
    with pytest.raises(Fenced):
        drive(old.commit(commit_of(b"a")))
    assert broker.topic(Role.JOURNAL, 1).end == 0
    drive(new.commit(commit_of(b"b")))
    drive(other.commit(commit_of(b"c")))


def test_a_log_that_was_never_opened_writes_nothing() -> None:
    with pytest.raises(Fenced):
        drive(MemoryLog(MemoryBroker(), 1).commit(commit_of(b"a")))


@pytest.mark.parametrize("written", [False, True])
def test_a_fault_strikes_before_or_after_the_write_and_the_writer_cannot_tell(written: bool) -> None:
    broker = MemoryBroker()
    log = MemoryLog(broker, 1).open()
    log.faults.append(Fault(MachineryFault("no answer"), written))
    with pytest.raises(MachineryFault, match="no answer"):
        drive(log.commit(commit_of(b"a")))
    assert len(broker.topic(Role.JOURNAL, 1).records) == int(written)
    drive(log.commit(commit_of(b"b")))


def test_a_commit_without_a_change_of_state_is_refused_as_kafkas_is() -> None:
    with pytest.raises(MachineryFault, match="without a change"):
        drive(MemoryLog(MemoryBroker(), 1).open().commit(Commit(facts=[Message(b"a", b"fact")])))


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_reader_passes_holes_and_reaches_the_end(batch: int) -> None:
    broker = MemoryBroker()
    topic = broker.topic(Role.STATE, 1)
    topic.mark()
    for number in range(5):
        topic.append(Message(b"%d" % number, b"x"), 0)
        topic.mark()
    records, after = read(broker, Role.STATE, 1, batch)
    assert [record.offset for record in records] == [1, 3, 5, 7, 9]
    assert after == topic.end == 11


def test_a_fetch_of_sends_learns_the_ends_of_the_other_topics() -> None:
    broker = MemoryBroker()
    broker.publish(Role.CONTACTS, 1, Message(b"a", b"1"), 0)
    broker.publish(Role.ACCOUNTS, 0, Message(b"a", b"1"), 0)
    broker.publish(Role.NEWSLETTER, 1, Message(b"a", b"1"), 0)
    fetch = broker.fetch(Role.NEWSLETTER, 1, 0, at=9)
    assert fetch.ends == {Role.CONTACTS: 1, Role.CALLBACKS: 0, Role.ACCOUNTS: 1}
    assert (fetch.start, fetch.next, fetch.fetched_at) == (0, 1, 9)
    assert broker.fetch(Role.CONTACTS, 1, 0, at=9).ends == {Role.ACCOUNTS: 1}
    assert broker.fetch(Role.CALLBACKS, 1, 0, at=9).ends == {}


def test_answers_are_records_of_their_partition_and_fail_when_told_to() -> None:
    broker = MemoryBroker()
    answers = MemoryAnswers(broker, at=3)
    answers.faults.append(MachineryFault("not durable"))
    with pytest.raises(MachineryFault):
        drive(answers.append(2, [(b"acme/a", b"lost")]))
    drive(answers.append(2, [(b"acme/a", b"kept")]))
    assert broker.topic(Role.ANSWERS, 2).records == [Stored(0, b"acme/a", b"kept", (), 3)]


def test_what_waits_for_the_world_outside_cannot_be_driven() -> None:
    class Outside:
        def __await__(self):  # type: ignore[no-untyped-def]
            yield

    async def waits() -> None:
        await Outside()

    with pytest.raises(RuntimeError, match="outside of memory"):
        drive(waits())

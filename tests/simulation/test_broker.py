"""The simulated Kafka keeps the rules that the product leans on."""

from random import Random

import pytest

from connectors.ports import Fenced, Message
from events.topics import Role
from simulation.broker import TIMEOUT, Broker
from simulation.scheduler import Scheduler, Signal


@pytest.fixture
def broker() -> Broker:
    scheduler = Scheduler(Random(1), 0)
    return Broker(2, lambda: 1, lambda: Signal(scheduler))


def said(broker: Broker, role: Role = Role.JOURNAL) -> list[bytes | None]:
    return [entry.value for entry in broker.line(role, 0).read(0, 100)[0]]


def test_what_is_open_is_not_read_and_what_lies_behind_it_neither(broker: Broker) -> None:
    line, epoch = broker.line(Role.JOURNAL, 0), broker.fence("id")
    transaction = broker.begin("id", epoch, None, 0)  # type: ignore[arg-type]  # nobody's
    broker.write(transaction, line, [Message(None, b"one")], 0)
    broker.publish(Role.JOURNAL, 0, Message(None, b"plain"), 0)
    assert said(broker) == []
    assert line.stable == 0
    broker.commit(transaction)
    assert said(broker) == [b"one", b"plain"]
    assert line.stable == 3  # the marker takes an offset of its own


def test_what_is_aborted_is_never_read_and_leaves_holes(broker: Broker) -> None:
    line, epoch = broker.line(Role.JOURNAL, 0), broker.fence("id")
    transaction = broker.begin("id", epoch, None, 0)  # type: ignore[arg-type]
    broker.write(transaction, line, [Message(None, b"one")], 0)
    broker.fence("id")
    assert line.read(0, 100) == ([], 2)
    with pytest.raises(Fenced):
        broker.commit(transaction)


def test_a_decided_transaction_is_seen_partition_by_partition(broker: Broker) -> None:
    broker.show = lambda transaction: None
    epoch = broker.fence("id")
    transaction = broker.begin("id", epoch, None, 0)  # type: ignore[arg-type]
    for role in (Role.JOURNAL, Role.STATE):
        broker.write(transaction, broker.line(role, 0), [Message(b"k", b"v")], 0)
    broker.commit(transaction)
    assert broker.busy("id")
    assert said(broker) == []
    broker.mark(transaction, broker.line(Role.JOURNAL, 0))
    assert said(broker) == [b"v"]
    assert said(broker, Role.STATE) == []
    broker.mark(transaction, broker.line(Role.STATE, 0))
    assert not broker.busy("id")
    assert broker.settled


def test_what_stays_open_too_long_is_aborted_and_its_writer_fenced(broker: Broker) -> None:
    transaction = broker.begin("id", broker.fence("id"), None, 0)  # type: ignore[arg-type]
    broker.write(transaction, broker.line(Role.JOURNAL, 0), [Message(None, b"one")], 0)
    assert broker.expire(TIMEOUT) == 0
    assert broker.expire(TIMEOUT + 1) == 1
    with pytest.raises(Fenced):
        broker.commit(transaction)


def test_a_limited_read_ends_before_the_next_record(broker: Broker) -> None:
    for value in (b"one", b"two", b"three"):
        broker.publish(Role.CONTACTS, 0, Message(None, value), 0)
    records, after = broker.line(Role.CONTACTS, 0).read(0, 2)
    assert [record.value for record in records] == [b"one", b"two"]
    assert after == 2
    assert broker.line(Role.CONTACTS, 0).read(after, 2)[1] == 3


def test_compaction_keeps_the_newest_of_each_key(broker: Broker) -> None:
    for key, value, at in ((b"a", b"1", 0), (b"a", b"2", 0), (b"b", None, 0), (b"c", None, 9)):
        broker.publish(Role.STATE, 0, Message(key, value), at)
    broker.line(Role.STATE, 0).compact(horizon=5)
    assert [(entry.key, entry.value) for entry in broker.line(Role.STATE, 0).committed()] == [
        (b"a", b"2"),
        (b"c", None),
    ]

"""An opt-out crosses partitions in the transactions that decide it: exactly once, whatever dies in between."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from connectors.memory import Fault, MemoryBroker, MemoryLog, MemoryReader, MemoryStores, drive
from connectors.ports import MachineryFault, Message
from events import opt_out
from events.account import AccountConfigured
from events.codec import decode_fact, encode_input
from events.contact import ContactUpdated, SubscriptionChanged
from events.envelope import Input, InputData
from events.opt_out import OptOutRequested
from events.partition import partition_of
from events.send import SendRequested
from events.topics import Role
from projections import contact, keyspace
from projections.account import Directory
from streams import takeover
from streams.deciders.request import Links
from streams.pipeline import INPUTS, Pipeline
from streams.workflow import SendingWorkflow
from tests.streams.memory_world import NOON, Hand, _at_once

PARTITIONS = 4
LINKS = Links(b"l" * 32)
PHONE = "+34612345678"
ANA = "acme/ana@example.com"
OTHERS = [f"acme/{name}" for name in ("bea", "carla", "dora", "eva", "fina", "gala")]


class Idle:
    """Slots without a sender: no call matters here."""

    def free(self, role: Role) -> int:
        return 64

    def reserve(self, call: Any) -> None: ...

    def start(self, calls: Sequence[Any], tenure: int) -> None: ...


class Cluster:
    """All partitions of a Recado in memory."""

    def __init__(self) -> None:
        self.broker, self.clock, self.directory, self.stores = MemoryBroker(), Hand(), Directory(), MemoryStores()
        settings = AccountConfigured.of_json(
            {"country": "ES", "connector": {"provider": "instasent", "token": {"sealed": "v1.x"}}}
        )
        self.directory.evolve(Input.of(settings, id="a", source="/c", subject="acme", time=NOON), 0)
        self.events = 0
        self.running = {partition: self.take_over(partition) for partition in range(PARTITIONS)}

    def take_over(self, partition: int) -> tuple[MemoryLog, Pipeline]:
        """A new owner, by the product's own take-over."""
        log = MemoryLog(self.broker, partition).open()
        ends = {role: (0, self.broker.topic(role, partition).end) for role in (Role.STATE, Role.JOURNAL, *INPUTS)}
        workflow = SendingWorkflow(partition, PARTITIONS, self.directory, b"k" * 32, lambda: 1, LINKS)
        over = takeover.TakeOver(MemoryReader(self.broker), self.stores, keyspace.encode, keyspace.decode)
        store, view, _ = drive(over.run(partition, ends, workflow, log, self.clock.at))
        ends = {role: (0, self.broker.topic(role, partition).end) for role in (Role.STATE, Role.JOURNAL, *INPUTS)}
        pipeline = Pipeline(partition, 1, workflow, log, store, view, self.clock, Idle(), _at_once)
        takeover.begin(pipeline, ends)
        return log, pipeline

    def given(self, data: InputData, role: Role, subject: str, partition: int | None = None) -> None:
        self.events += 1
        event = Input.of(data, id=f"e{self.events}", source="/test", subject=subject, time=self.clock.at)
        home = partition_of(subject.encode(), PARTITIONS) if partition is None else partition
        self.broker.publish(role, home, Message(subject.encode(), encode_input(event)), self.clock.at)

    def subscribe(self, subject: str) -> None:
        fields = {"_mobilePhone": PHONE, "_smsSubscriptionStatus": "subscribed"}
        self.given(ContactUpdated.of_json({"via": "import", "fields": fields}), Role.CONTACTS, subject)

    def run(self) -> None:
        """Until nothing is left to read; a fault of the machinery makes a new owner of the partition."""
        busy = True
        while busy:
            busy = False
            for partition in self.running:
                _, pipeline = self.running[partition]
                for role, position in pipeline.wanted().items():
                    fetch = self.broker.fetch(role, partition, position, self.clock.at)
                    if fetch.next > fetch.start:
                        pipeline.accept(fetch)
                try:
                    busy |= drive(pipeline.step())
                except MachineryFault:
                    self.running[partition] = self.take_over(partition)
                    busy = True

    def changes(self) -> Iterator[tuple[str, SubscriptionChanged]]:
        for partition in range(PARTITIONS):
            for record in self.broker.topic(Role.JOURNAL, partition).records:
                fact = decode_fact(record.value or b"")
                if isinstance(fact.data, SubscriptionChanged):
                    yield fact.subject, fact.data

    def opted_out(self) -> list[str]:
        """Whom a fact unsubscribed, once for each fact."""
        return sorted(subject for subject, data in self.changes() if data.to == "unsubscribed")

    def subscription(self, subject: str) -> str | None:
        _, pipeline = self.running[partition_of(subject.encode(), PARTITIONS)]
        state: contact.State = pipeline.view.get(keyspace.contact_key(subject))
        return state.subscription


def given_one_number() -> Cluster:
    cluster = Cluster()
    for subject in (ANA, *OTHERS):
        cluster.subscribe(subject)
    request = SendRequested.of_json({"to": "contact", "sender": "Acme", "text": "Baja: {{unsubscribe}}"})
    cluster.given(request, Role.TRANSACTIONAL, ANA)
    cluster.run()
    assert len({partition_of(subject.encode(), PARTITIONS) for subject in OTHERS}) > 1
    return cluster


def press(cluster: Cluster) -> None:
    home = partition_of(ANA.encode(), PARTITIONS)
    code = opt_out.make(LINKS.key, home, ANA)
    cluster.given(OptOutRequested(code=code), Role.CALLBACKS, opt_out.ACCOUNT, home)


def test_an_opt_out_reaches_every_partition_once() -> None:
    cluster = given_one_number()
    press(cluster)
    cluster.run()
    assert cluster.opted_out() == sorted([ANA, *OTHERS])
    assert {cluster.subscription(subject) for subject in (ANA, *OTHERS)} == {"unsubscribed"}
    assert len(cluster.broker.topic(Role.NUMBERS, 0).records) == 1


@pytest.mark.parametrize("written", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("partition", range(PARTITIONS))
@pytest.mark.parametrize("which", [0, 1])
def test_an_owner_that_dies_at_a_commit_neither_loses_nor_doubles_it(written: bool, partition: int, which: int) -> None:
    cluster = given_one_number()
    press(cluster)
    log, _ = cluster.running[partition]
    faults = [Fault(MachineryFault("killed"), written)]
    if which == 0:
        log.faults = faults
        cluster.run()
    else:
        cluster.run()
        press(cluster)
        cluster.subscribe("acme/late")
        log.faults = faults
        cluster.run()
    assert [who for who in cluster.opted_out() if who != "acme/late"] == sorted([ANA, *OTHERS])


def test_the_journal_alone_tells_who_has_the_number_and_which_link_is_whose() -> None:
    cluster = given_one_number()
    for partition in range(PARTITIONS):
        del cluster.broker.topics[Role.STATE, partition]
        cluster.stores.wipe(partition)
        cluster.running[partition] = cluster.take_over(partition)
    press(cluster)
    cluster.run()
    assert cluster.opted_out() == sorted([ANA, *OTHERS])


def test_who_was_rebuilt_is_not_opted_out_again_after_a_new_opt_in() -> None:
    cluster = given_one_number()
    press(cluster)
    cluster.run()
    cluster.clock.at += 1_000
    again = ContactUpdated.of_json({"via": "edit", "fields": {"_smsSubscriptionStatus": "subscribed"}})
    cluster.given(again, Role.CONTACTS, OTHERS[0])
    cluster.run()
    for partition in range(PARTITIONS):
        del cluster.broker.topics[Role.STATE, partition]
        cluster.stores.wipe(partition)
        cluster.running[partition] = cluster.take_over(partition)
    cluster.run()
    assert cluster.subscription(OTHERS[0]) == "subscribed"
    assert cluster.subscription(OTHERS[1]) == "unsubscribed"


def test_a_state_that_never_heard_of_the_topic_begins_at_its_start() -> None:
    cluster = given_one_number()
    for partition in cluster.running:
        store = cluster.stores.open(partition)
        raw = store.get(b"p/positions")
        assert raw is not None
        positions = {role: at for role, at in keyspace.decode(b"p/", raw).items() if role != "numbers"}
        store.write({b"p/positions": keyspace.encode(b"p/", positions)}, store.changelog_next, NOON)
        cluster.running[partition] = cluster.take_over(partition)
    press(cluster)
    cluster.run()
    assert cluster.opted_out() == sorted([ANA, *OTHERS])

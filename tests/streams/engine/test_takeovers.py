"""Take-over on real Kafka: behind the fence, from the changelog or the journal alone, or with words and not at all."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.carriers.base import Accepted, Answer
from connectors.clock import SystemClock
from connectors.kafka.admin import Admin
from connectors.kafka.answers import AnswersTopic
from connectors.kafka.transaction import TransactionLog
from connectors.ports import Fenced, MachineryFault
from events import instant
from events.account import AccountConfigured
from events.callback import CallbackReceived
from events.codec import encode_fact, encode_input
from events.contact import ContactUpdated, FieldsChanged
from events.envelope import Input, InputData
from events.examples import SEVEN
from events.fact import Fact
from events.partition import partition_of
from events.send import SendRequested
from events.topics import Role
from projections import keyspace
from projections.account import Directory
from projections.send import Call
from streams.pipeline import INPUTS
from streams.sender import Sender
from streams.workflow import SendingWorkflow
from tests.streams.engine.in_process import PARTITIONS, Cluster, InProcess, once, play, spread, until

pytestmark = pytest.mark.kafka

KEY = b"k" * 32


def anew(cluster: Cluster, admin: Admin, *roles: Role) -> Cluster:
    """Delete these topics and make them again: same names, other ids."""
    prefix = cluster.topics[Role.CONTACTS].removesuffix(Role.CONTACTS)
    admin.delete([cluster.topics[role] for role in roles])
    admin.ensure(prefix, PARTITIONS, 1, embedded=True)
    ids = admin.topic_ids(prefix)
    changed = replace(cluster, ids={role.value: ids[name] for role, name in cluster.topics.items()})
    assert all(changed.ids[role.value] != cluster.ids[role.value] for role in roles)
    return changed


def test_a_worker_whose_partition_was_taken_over_stops_and_leaves_no_fact(cluster: Cluster, tmp_path: Path) -> None:
    """As one that was frozen: it still believes that it owns the partition, and commits."""

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, [(0, "fact before")])
        frozen = await InProcess(cluster, "w1", tmp_path).start()
        await frozen.passed(1)
        successor = TransactionLog(cluster.topics, 0, f"{cluster.group}-0", cluster.client)
        await successor.open()
        await cluster.publish(Role.CONTACTS, [(0, "fact late")])
        await until(lambda: frozen.failures, "the frozen worker was fenced")
        assert isinstance(frozen.failures[0], Fenced)
        assert not frozen.engine.holds(0, frozen.engine.tenure), "nor does it call any more"
        await successor.close()
        await frozen.vanish()
        assert [subject for subject, _ in await cluster.facts()] == ["acme/before"]
        state = [written.key for written in await cluster.read(Role.STATE)]
        assert b"c/acme/before" in state
        assert b"c/acme/late" not in state
        again = await InProcess(cluster, "w1", tmp_path).start()
        await again.passed(2)
        await again.stop()
        assert [subject for subject, _ in await cluster.facts()] == ["acme/before", "acme/late"]

    play(scenario)


def test_a_worker_with_an_empty_disk_reads_the_changelog_and_goes_on_where_it_stood(
    cluster: Cluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(400))
        first = await InProcess(cluster, "w1", tmp_path).start()
        await first.passed(400)
        await first.stop()
        shutil.rmtree(tmp_path / "w1")
        await cluster.publish(Role.CONTACTS, spread(400))
        again = await InProcess(cluster, "w1", tmp_path).start()
        await again.passed(800)
        recovered = [read for read, _ in again.engine.recovered.values()]
        await again.stop()
        assert sum(recovered) >= 400
        twice = once(400) + [(subject, 2) for subject, _ in once(400)]
        assert sorted(await cluster.facts()) == sorted(twice)
        kept = await InProcess(cluster, "w1", tmp_path).start()
        assert [read for read, _ in kept.engine.recovered.values()] == [0] * 4, "its own disk is complete to the record"
        await kept.stop()

    play(scenario)


@pytest.mark.parametrize("role", [Role.CONTACTS, Role.CALLBACKS])
def test_an_input_topic_that_was_made_anew_stops_the_worker_with_words(
    cluster: Cluster, kafka_admin: Admin, tmp_path: Path, role: Role
) -> None:
    async def scenario() -> None:
        inputs = (Role.CONTACTS, Role.CALLBACKS)
        await cluster.publish(Role.CONTACTS, spread(40))
        first = await InProcess(cluster, "w1", tmp_path, inputs).start()
        await first.passed(40)
        await first.stop()
        changed = await asyncio.to_thread(anew, cluster, kafka_admin, role)
        await cluster.publish(role, spread(400))  # beyond the old positions: only the id can tell
        again = InProcess(changed, "w1", tmp_path, inputs)
        await again.start(owns=False)
        await until(lambda: again.failures, "the worker stopped")
        assert isinstance(again.failures[0], MachineryFault)
        assert f"topic {role} was deleted and made anew" in str(again.failures[0])
        await again.stop()
        assert sorted(await cluster.facts()) == once(40)

    play(scenario)


def test_a_journal_that_does_not_say_what_was_read_stops_the_worker_with_words(
    cluster: Cluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        fact = Fact("acme/ana", 1, SEVEN, "e1", "/shop", FieldsChanged({"city": "Gijon"}, []))
        await cluster.publish(Role.JOURNAL, [(1, encode_fact(fact).decode())])
        await cluster.publish(Role.CONTACTS, spread(40))
        worker = InProcess(cluster, "w1", tmp_path)
        await worker.start(owns=False)
        await until(lambda: worker.failures, "the worker stopped")
        assert "would text everyone again" in str(worker.failures[0])
        await worker.stop()
        assert len(await cluster.read(Role.JOURNAL)) == 1

    play(scenario)


@dataclass
class Known:
    """Settings of one account, known from the start; and its provider, who takes everything."""

    directory: Directory = field(default_factory=Directory)
    version: int = 0
    unreadable: tuple[()] = ()
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        connector = {"provider": "instasent", "token": {"sealed": "v1.x"}}
        data = AccountConfigured.of_json({"country": "ES", "connector": connector})
        self.directory.evolve(Input.of(data, id="a1", source="/test", subject="acme", time=SEVEN), 0)

    async def caught_up(self) -> None:
        return None

    async def send_many(self, calls: Sequence[Call]) -> Sequence[Answer]:
        return [await self.send(call) for call in calls]

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return Accepted(f"sms-{len(self.calls)}")


class Sending(InProcess):
    """A worker with the product's own workflow and send path."""

    def __init__(self, cluster: Cluster, data: Path, known: Known) -> None:
        self.known = known
        self.tasks: set[asyncio.Task[None]] = set()
        self.answers = AnswersTopic(cluster.topics[Role.ANSWERS], cluster.client)
        self.sender = Sender(known, self.answers, self, SystemClock(), self._spawn, self._fatal)
        options = {
            "workflow": lambda at: SendingWorkflow(at, PARTITIONS, known.directory, KEY, lambda: known.version),
            "encode": keyspace.encode,
            "decode": keyspace.decode,
            "lanes": self.sender,
            "busy": lambda: self.sender.busy,
            "settings": known,
        }
        super().__init__(cluster, "w1", data, INPUTS, options)
        self.sender.freed = self.engine.freed

    def _fatal(self, exc: BaseException) -> None:
        self.engine.fatal(exc)

    def holds(self, partition: int, tenure: int) -> bool:
        return self.engine.holds(partition, tenure)

    def _spawn(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def start(self, owns: bool = True) -> "Sending":
        await self.answers.open()
        await super().start(owns)
        return self

    async def stop(self) -> None:
        await super().stop()
        await self.answers.close()

    def state(self) -> dict[int, dict[bytes, Any]]:
        """Of each partition: keys and decoded values, without the engine's own bookkeeping of ids and sweeps."""
        return {
            partition: {
                key: keyspace.decode(key, value) for key, value in store.items() if key not in (b"p/silent", b"p/sweep")
            }
            for partition, store in self.engine.stores.open_stores.items()
        }


class Feed:
    """Events as a shop writes them, each in the partition of its contact."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.count = 0
        self.records: dict[Role, list[tuple[int, str]]] = {}
        self.written: Counter[Role] = Counter()

    def add(self, role: Role, contact: str, data: InputData, partition: int | None = None) -> None:
        self.count += 1
        subject = f"acme/{contact}" if contact else "acme"
        event = Input.of(data, id=f"e{self.count}", source="/test", subject=subject, time=SystemClock().now())
        at = partition_of(subject.encode(), PARTITIONS) if partition is None else partition
        self.records.setdefault(role, []).append((at, encode_input(event).decode()))

    async def publish(self) -> None:
        """What was added since the last time."""
        for role, records in self.records.items():
            await self.cluster.publish(role, records[self.written[role] :])
            self.written[role] = len(records)

    async def repeat(self) -> None:
        """Every event once more."""
        for role, records in self.records.items():
            await self.cluster.publish(role, records)


async def lived(feed: Feed, worker: Sending) -> None:
    """A short life of forty contacts: numbers, consents, sends of both classes, and receipts of what was sent."""
    for number in range(40):
        fields = {"_mobilePhone": f"6123456{number:02}", "_smsSubscriptionStatus": "subscribed", "n": number}
        feed.add(Role.CONTACTS, f"c{number}", ContactUpdated.of_json({"via": "import", "fields": fields}))
        if number % 4 == 0:  # an update that changes nothing leaves no fact, and is remembered all the same
            feed.add(Role.CONTACTS, f"c{number}", ContactUpdated.of_json({"via": "edit", "fields": {"n": number}}))
        send = {"send_id": f"s{number}", "to": "contact", "sender": "Acme", "text": "Hola"}
        role = Role.NEWSLETTER if number % 2 else Role.TRANSACTIONAL
        feed.add(role, f"c{number}", SendRequested.of_json(send))
    await feed.publish()
    await until(lambda: worker.failures or worker.position(Role.ANSWERS) == 40, "every send was answered")
    for number, call in enumerate(worker.known.calls[:20]):
        told = {
            "provider": "instasent", "received_at": "2026-11-23T07:00:00.000Z", "client_id": call.client_id,
            "provider_id": f"sms-{number + 1}", "status": "delivered", "code": 0,
        }  # fmt: skip
        feed.add(Role.CALLBACKS, "", CallbackReceived.of_json(told), call.partition)
    await feed.publish()
    await until(lambda: worker.failures or worker.position(Role.CALLBACKS) == 20, "every receipt was read")
    await worker.settled()


def told(state: dict[bytes, Any]) -> dict[bytes, Any]:
    """What facts tell: all but the ids of what was read, whose days depend on the clock, and the engine's own."""
    return {key: value for key, value in state.items() if key[:2] not in (b"i/", b"p/")}


def test_a_changelog_that_is_gone_is_rebuilt_from_the_journal_and_nobody_is_texted_again(
    cluster: Cluster, kafka_admin: Admin, tmp_path: Path
) -> None:
    async def scenario() -> None:
        known, feed = Known(), Feed(cluster)
        first = await Sending(cluster, tmp_path, known).start()
        await lived(feed, first)
        before = first.state()
        await first.stop()
        assert first.failures == []
        facts = await cluster.facts()
        changed = await asyncio.to_thread(anew, cluster, kafka_admin, Role.STATE)

        again = await Sending(changed, tmp_path, known).start()  # its disk holds a copy of the changelog that was
        await again.settled()
        after = again.state()
        assert {at: told(state) for at, state in after.items()} == {at: told(state) for at, state in before.items()}
        assert all(after[at][b"p/counts"]["contacts"] == before[at][b"p/counts"]["contacts"] for at in before)
        await feed.repeat()
        for role in (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER, Role.CALLBACKS):
            await again.passed(2 * feed.written[role], role)
        repeated = again.state()
        await again.stop()
        assert again.failures == []
        assert (len(known.calls), await cluster.facts()) == (40, facts)

        shutil.rmtree(tmp_path / "w1")
        third = await Sending(changed, tmp_path, known).start()
        await third.settled()
        assert third.state() == repeated, "the new changelog has it all"
        await third.stop()
        assert (third.failures, len(known.calls)) == ([], 40)

    play(scenario)


def test_what_came_while_nobody_owned_a_partition_counts_for_the_newsletters_that_wait_in_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        known, feed = Known(), Feed(cluster)
        first = await Sending(cluster, tmp_path, known).start()
        not_before = instant.render(SystemClock().now() + 5_000)
        for name in ("ana", "bea"):
            fields = {"_mobilePhone": "612345678", "_smsSubscriptionStatus": "subscribed"}
            feed.add(Role.CONTACTS, name, ContactUpdated.of_json({"via": "import", "fields": fields}))
            send = {"send_id": name, "to": "contact", "sender": "Acme", "text": "Hola", "not_before": not_before}
            feed.add(Role.NEWSLETTER, name, SendRequested.of_json(send))
        await feed.publish()
        await first.passed(2, Role.NEWSLETTER)
        await first.settled()
        await first.stop()
        assert (first.failures, known.calls) == ([], [])

        gone = ContactUpdated.of_json({"via": "edit", "fields": {"_smsSubscriptionStatus": "unsubscribed"}})
        feed.add(Role.CONTACTS, "ana", gone)
        await feed.publish()
        await until(lambda: SystemClock().now() > instant.parse(not_before), "the timers are due")
        again = await Sending(cluster, tmp_path, known).start()
        await until(lambda: again.failures or again.position(Role.ANSWERS) == 1, "the one send was answered")
        await again.settled()
        await again.stop()
        assert (again.failures, [call.send_id for call in known.calls]) == ([], ["bea"])

    play(scenario)


@pytest.mark.parametrize("role", [Role.JOURNAL, Role.STATE])
def test_a_transaction_without_an_end_in_what_the_engine_writes_stops_the_take_over(
    cluster: Cluster, tmp_path: Path, role: Role
) -> None:
    """As a broker leaves one that has lost its end: to decide before it is ended would be to decide again."""

    async def scenario() -> None:
        topic = cluster.topics[role]
        async with cluster.producer(transactional_id=f"{cluster.group}-lost") as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"{}", key=b"acme/x", partition=2)
            worker = InProcess(cluster, "w1", tmp_path)
            starting = asyncio.create_task(worker.start(owns=False))
            await until(lambda: worker.failures, "the take-over stops")
            assert isinstance(worker.failures[0], MachineryFault)
            assert f"{topic}[2] holds records of a transaction without an end" in str(worker.failures[0])
            assert worker.engine.owned() == ()
            starting.cancel()
            await asyncio.wait([starting])
            await worker.vanish()
            await producer.abort_transaction()
        again = await InProcess(cluster, "w1", tmp_path).start()
        assert sorted(again.engine.owned()) == [0, 1, 2, 3]
        await again.stop()

    play(scenario)

"""Trap 2: Faust loses fetched batches, and its offsets cannot be trusted. The position is in the state.

Each scenario takes something away on its way, as Faust does at rebalances; nothing may be missing or twice afterwards.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.types import TP

from connectors.ports import Fetch
from events.topics import Role
from streams.engine import engine as engine_module
from streams.engine.consumer import Batch
from streams.pipeline import Pipeline
from tests.streams.engine.in_process import Cluster, InProcess, once, play, spread, until

pytestmark = pytest.mark.kafka


class Trusting(Pipeline):
    """Without the cure: believes that a fetch continues what it holds, wherever the fetch began."""

    def accept(self, fetch: Fetch) -> bool:
        self._intake.box(fetch.role).tail = fetch.start
        return super().accept(fetch)


def trust_the_consumer(worker: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the cure: each fetch goes on from wherever the consumer stands."""
    wanted = worker.engine.wanted

    def where_it_stands() -> dict[TP, int]:
        consumer = worker.thread._ensure_consumer()
        assignment = consumer._subscription.subscription.assignment
        stands = {}
        for tp, position in wanted().items():
            state = assignment.state_value(TopicPartition(*tp)) if TopicPartition(*tp) in assignment.tps else None
            stands[tp] = state.position if state is not None and state.has_valid_position else position
        return stands

    worker.engine.wanted = where_it_stands  # type: ignore[method-assign]
    monkeypatch.setattr(engine_module, "Pipeline", Trusting)


def lose_some_fetches(worker: InProcess) -> list[int]:
    """Fetches that moved the consumer's position and whose records nobody gets: every second one of the first six."""
    thread: Any = worker.thread
    fetch, lost = thread.fetch, [0]
    seen = 0

    async def lossy(wanted: Any, waits: float) -> list[tuple[TP, Fetch]]:
        nonlocal seen
        fetched: list[tuple[TP, Fetch]] = await fetch(wanted, waits)
        if not fetched:
            return fetched
        seen += 1
        if seen <= 6 and seen % 2:
            lost[0] += sum(len(each.records) for _, each in fetched)
            return []
        return fetched

    thread.fetch = lossy
    return lost


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_a_fetch_that_was_lost_after_it_moved_the_position_is_fetched_again(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(4_000))
        worker = InProcess(cluster, "w1", tmp_path, fetch_bytes=4_000)
        if not cured:
            trust_the_consumer(worker, monkeypatch)
        lost = lose_some_fetches(worker)
        await worker.start()
        await worker.passed(4_000)
        await worker.stop()
        assert worker.failures == []
        assert lost[0] > 0
        facts = await cluster.facts()
        if cured:
            assert sorted(facts) == once(4_000)
        else:
            assert len(facts) == 4_000 - lost[0], "this is what the positions are for"

    play(scenario)


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_a_batch_that_was_dropped_on_its_way_through_faust_is_fetched_again(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the cure the topic would not be fetched again in this tenure: the engine would wait for the batch."""
    monkeypatch.setattr(engine_module, "LOST_AFTER", 0.2 if cured else 600.0)

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(400))
        worker = InProcess(cluster, "w1", tmp_path)
        accept = worker.engine.accept
        dropped: list[Batch] = []

        def drop_the_first(batch: Batch) -> None:
            if batch.partition == 0 and not dropped:
                dropped.append(batch)
            else:
                accept(batch)

        worker.engine.accept = drop_the_first  # type: ignore[method-assign]
        await worker.start()
        if cured:
            await worker.passed(400)
        else:
            await worker.passed(300)
            again = worker.engine.wanted()
            assert cluster.topics[Role.CONTACTS] not in [tp.topic for tp in again if tp.partition == 0]
        await worker.stop()
        assert len(dropped) == 1
        assert sorted(await cluster.facts()) == [fact for fact in once(400) if cured or int(fact[0][6:]) % 4]

    play(scenario)


def test_batches_of_an_earlier_tenure_that_still_lie_in_a_queue_are_dropped(cluster: Cluster, tmp_path: Path) -> None:
    """They were made for an assignment that ended; the same records are fetched again by whoever owns them now."""

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(40))
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await worker.passed(40)
        engine = worker.engine
        pipeline = engine.running[0].pipeline
        stale = Fetch(Role.CONTACTS, pipeline.positions[Role.CONTACTS], 9_999, ())
        engine.accept(Batch(0, engine.tenure - 1, stale))
        assert pipeline.wanted()[Role.CONTACTS] == 10
        engine.accept(Batch(0, engine.tenure, Fetch(Role.CONTACTS, 0, 10, ())))
        assert pipeline.wanted()[Role.CONTACTS] == 10
        await worker.stop()
        assert sorted(await cluster.facts()) == once(40)

    play(scenario)


def test_the_groups_offsets_mean_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """They lie far ahead of the state, as acks of dropped batches left them: everything is read all the same.

    With Faust's own `perform_seek`, and wherever a fetch begins believed (see Trusting), all 400 were skipped.
    """

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(400))
        worker = InProcess(cluster, "w1", tmp_path)
        from aiokafka import AIOKafkaConsumer

        ahead = AIOKafkaConsumer(**cluster.client, group_id=cluster.group, enable_auto_commit=False)
        await ahead.start()
        tps = [TopicPartition(cluster.topics[Role.CONTACTS], partition) for partition in range(cluster.partitions)]
        ahead.assign(tps)
        await ahead.commit(dict.fromkeys(tps, 100))
        await ahead.stop()
        await worker.start()
        await worker.passed(400)
        await worker.stop()
        assert sorted(await cluster.facts()) == once(400)

    play(scenario)


def test_workers_that_come_and_go_while_records_flow_lose_and_repeat_nothing(cluster: Cluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        count = 6_000
        flow = asyncio.create_task(trickle(cluster, count))
        first = await InProcess(cluster, "w1", tmp_path, fetch_bytes=6_000).start()
        second = InProcess(cluster, "w2", tmp_path, fetch_bytes=6_000)
        await second.start()  # a rebalance with fetches, batches and commits under way
        await until(lambda: len(first.engine.running) == len(second.engine.running) == 2, "both own half")
        await first.stop()
        await until(lambda: len(second.engine.running) == 4 and not second.engine.suspended, "the other owns all")
        await flow
        await second.passed(count)
        await second.stop()
        assert (first.failures, second.failures) == ([], [])
        assert sorted(await cluster.facts()) == once(count)

    play(scenario)


async def trickle(cluster: Cluster, count: int) -> None:
    """Records in portions, each durable before the next."""
    records = spread(count)
    async with cluster.producer(linger_ms=1) as producer:
        topic = cluster.topics[Role.CONTACTS]
        for start in range(0, count, 200):
            for partition, words in records[start : start + 200]:
                await producer.send(topic, words.encode(), partition=partition)
            await producer.flush()

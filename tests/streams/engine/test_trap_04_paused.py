"""Trap 4: what was fetched for a partition that is paused meanwhile must not be dropped."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.types import TP

from connectors.ports import Fetch
from events.topics import Role
from streams.engine import engine as engine_module
from streams.intake import Limits
from streams.pipeline import Pipeline
from tests.streams.engine.in_process import Cluster, InProcess, once, play, spread, until

pytestmark = pytest.mark.kafka


class Overflowing(Pipeline):
    """Without the cure: fetched for whether there is room or not, and what does not fit is dropped."""

    def wanted(self) -> dict[Role, int]:
        return {role: self._intake.box(role).tail for role in self._inputs}

    def accept(self, fetch: Fetch) -> bool:
        box = self._intake.box(fetch.role)
        if box.held >= self._limits.inbox:
            box.tail = fetch.next
            return False
        return super().accept(fetch)


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_a_topic_whose_inbox_is_full_is_not_fetched_and_goes_on_where_it_was(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not cured:
        monkeypatch.setattr(engine_module, "Pipeline", Overflowing)

    async def scenario() -> None:
        await cluster.publish(Role.NEWSLETTER, spread(2_000))
        await cluster.publish(Role.CONTACTS, spread(100))
        options = {"limits": Limits(inbox=50)}
        inputs = (Role.CONTACTS, Role.CALLBACKS, Role.NEWSLETTER)
        worker = InProcess(cluster, "w1", tmp_path, inputs, options, fetch_bytes=2_000)
        worker.lanes.slots = 0
        await worker.start()
        await worker.passed(100)
        assert worker.position(Role.NEWSLETTER) == 0
        boxes = [running.pipeline._intake.box(Role.NEWSLETTER) for running in worker.engine.running.values()]
        if cured:
            await until(lambda: all(box.held >= 50 for box in boxes), "every inbox is full")
            assert all(box.held < 150 for box in boxes), "and holds little more than its limit"
        else:
            await until(lambda: all(box.tail == 500 for box in boxes), "everything was fetched")
        worker.lanes.slots = 64
        worker.engine.freed()
        await (worker.passed(2_000, Role.NEWSLETTER) if cured else worker.settled())
        await worker.stop()
        sent = [fact for fact in await cluster.facts() if fact[1] >= 1 and int(fact[0][6:]) >= 100]
        if cured:
            assert sorted(sent) == [fact for fact in once(2_000) if int(fact[0][6:]) >= 100]
        else:
            assert len(sent) < 1_900

    play(scenario)


def test_partitions_that_faust_pauses_and_resumes_lose_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """aiokafka throws away what is buffered for a paused partition; the position stays, so it comes again."""

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(4_000))
        worker = await InProcess(cluster, "w1", tmp_path, fetch_bytes=3_000).start()
        consumer: Any = worker.app.consumer
        tps = {TP(cluster.topics[Role.CONTACTS], partition) for partition in (0, 1)}
        for at in (200, 1_000, 2_000):
            await until(lambda at=at: worker.position() >= at, "some were decided")  # type: ignore[misc]
            consumer.pause_partitions(tps)
            await worker.thread.call_thread(_pause, worker.thread, tps)
            await asyncio.sleep(0)
            await worker.thread.call_thread(_resume, worker.thread, tps)
            consumer.resume_partitions(tps)
        await worker.passed(4_000)
        await worker.stop()
        assert sorted(await cluster.facts()) == once(4_000)

    play(scenario)


async def _pause(thread: Any, tps: set[TP]) -> None:
    thread._ensure_consumer().pause(*(TopicPartition(*tp) for tp in tps))


async def _resume(thread: Any, tps: set[TP]) -> None:
    thread._ensure_consumer().resume(*(TopicPartition(*tp) for tp in tps))

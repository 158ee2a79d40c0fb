"""Trap 9: agents would decide two topics of one partition at the same time. A partition is one pipeline, one step."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from events.topics import Role
from streams.engine import engine as engine_module
from streams.engine.engine import Running
from streams.pipeline import Pipeline
from tests.streams.engine.in_process import Cluster, InProcess, play, spread, until

pytestmark = pytest.mark.kafka

INSIDE: Counter[int] = Counter()
MOST: Counter[int] = Counter()
TOGETHER: set[int] = set()


class Watched(Pipeline):
    """Notes how many steps of one partition, and of which partitions, are under way at once."""

    async def step(self) -> bool:
        INSIDE[self.partition] += 1
        MOST[self.partition] = max(MOST[self.partition], INSIDE[self.partition])
        TOGETHER.add(sum(INSIDE.values()))
        try:
            return await super().step()
        finally:
            INSIDE[self.partition] -= 1


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_no_two_records_of_a_partition_are_decided_concurrently_whatever_their_topics(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "Pipeline", Watched)
    for counter in (INSIDE, MOST, TOGETHER):
        counter.clear()

    async def scenario() -> None:
        inputs = (Role.ANSWERS, Role.CONTACTS, Role.CALLBACKS)
        worker = InProcess(cluster, "w1", tmp_path, inputs, fetch_bytes=3_000)
        if not cured:
            run = worker.engine._run

            async def one_for_each_topic(running: Running) -> None:
                await asyncio.gather(run(running), run(running))

            worker.engine._run = one_for_each_topic  # type: ignore[method-assign]
        for role in inputs:
            await cluster.publish(role, spread(1_000))
        await worker.start()
        if cured:
            for role in inputs:
                await worker.passed(1_000, role)
        else:
            await until(lambda: worker.failures or max(MOST.values()) > 1, "two steps of a partition met")
        await worker.stop()
        if cured:
            assert worker.failures == []
            facts = await cluster.facts()
            assert sorted(facts) == sorted((f"acme/c{n:05}", times) for n in range(1_000) for times in (1, 2, 3))

    play(scenario)
    assert (max(MOST.values()) == 1) is cured
    assert max(TOGETHER) > 1, "partitions do not wait for one another"

"""Trap 1: Faust hands over event by event. The engine gets all records of one partition's fetch at once."""

from pathlib import Path

import pytest

from events.topics import Role
from streams.engine.consumer import Batch
from tests.streams.engine.in_process import Cluster, InProcess, once, play, spread

pytestmark = pytest.mark.kafka


def test_a_batch_is_one_partitions_fetch_with_the_positions_that_bound_it(cluster: Cluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(2_000))
        worker = InProcess(cluster, "w1", tmp_path)
        accepted: list[Batch] = []
        accept = worker.engine.accept

        def noted(batch: Batch) -> None:
            accepted.append(batch)
            accept(batch)

        worker.engine.accept = noted  # type: ignore[method-assign]
        await worker.start()
        await worker.passed(2_000)
        await worker.stop()
        assert worker.failures == []
        assert sum(len(batch.fetch.records) for batch in accepted) == 2_000
        assert len(accepted) <= 40, "whole fetches, not events"
        for partition in range(cluster.partitions):
            at = 0
            for fetch in (batch.fetch for batch in accepted if batch.partition == partition):
                assert (fetch.start, fetch.records[0].offset, fetch.records[-1].offset + 1) == (at, at, fetch.next)
                at = fetch.next
            assert at == 500
        assert sorted(await cluster.facts()) == once(2_000)

    play(scenario)

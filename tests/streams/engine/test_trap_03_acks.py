"""Trap 3: Faust's acks, gaps and commits mean nothing to the engine."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from connectors.kafka.admin import Admin
from events.topics import Role
from streams.engine.consumer import EngineConsumer
from tests.streams.engine.in_process import Cluster, InProcess, play, spread

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_what_faust_believes_to_be_acked_is_never_committed(
    cluster: Cluster, kafka_admin: Admin, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not cured:
        monkeypatch.setattr(EngineConsumer, "_new_offset", driver.Consumer._new_offset)

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(40))
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await worker.passed(40)
        consumer: Any = worker.app.consumer
        tp = TP(cluster.topics[Role.CONTACTS], 0)
        consumer._acked[tp] = list(range(8))  # as acks of batches that nobody decided leave them
        consumer._acked_index[tp] = set(range(8))
        assert await consumer.commit() is not cured
        await worker.stop()
        if cured:
            offsets = await asyncio.to_thread(kafka_admin.group_offsets, cluster.group)
            assert offsets.get(tp) != 8

    play(scenario)


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_the_holes_between_batches_are_not_kept_as_gaps(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of a thousand records looks like a gap of 999 to Faust, whose bookkeeping then stalls."""
    if not cured:
        monkeypatch.setattr(EngineConsumer, "_add_gap", driver.Consumer._add_gap)

    async def scenario() -> None:
        worker = InProcess(cluster, "w1", tmp_path)
        consumer: Any = worker.app.consumer
        tp = TP(cluster.topics[Role.CONTACTS], 0)
        await consumer._add_gap(tp, 1, 999)
        assert bool(consumer._gap[tp]) is not cured

    play(scenario)


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_a_changelog_that_nobody_fetches_is_no_error(
    cluster: Cluster,
    tmp_path: Path,
    cured: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Faust looks every few seconds for partitions without a fetch, and would cry wolf for ever."""
    if not cured:
        real = driver.Consumer.verify_all_partitions_active
        monkeypatch.setattr(EngineConsumer, "verify_all_partitions_active", real)

    async def scenario() -> None:
        worker = await InProcess(cluster, "w1", tmp_path).start()
        consumer: Any = worker.app.consumer
        consumer._thread.tp_fetch_request_timeout_secs = 0.0
        await consumer.verify_all_partitions_active()
        await worker.stop()

    play(scenario)
    assert ("has not sent fetch request" in caplog.text) is not cured

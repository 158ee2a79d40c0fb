"""Trap 7: aiokafka needs cramjam to read lz4, snappy and zstd, which real producers use; without it the worker dies."""

from pathlib import Path

import aiokafka.codec
import pytest
from aiokafka.errors import UnsupportedCodecError

from events.topics import Role
from tests.streams.engine.in_process import Cluster, InProcess, once, play, spread, until

pytestmark = pytest.mark.kafka

CODECS = ("gzip", "snappy", "lz4", "zstd")


async def publish(cluster: Cluster) -> None:
    records = spread(400)
    for number, codec in enumerate(CODECS):
        await cluster.publish(Role.CONTACTS, records[number::4], compression_type=codec)


def test_whatever_a_producer_compresses_with_is_read(cluster: Cluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        await publish(cluster)
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await worker.passed(400)
        await worker.stop()
        assert worker.failures == []
        assert sorted(await cluster.facts()) == once(400)

    play(scenario)


def test_without_the_library_the_worker_stops_and_says_so(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the cure: that the test above fails then, and that nothing is passed over in silence."""

    async def scenario() -> None:
        await publish(cluster)
        monkeypatch.setattr(aiokafka.codec, "cramjam", None)
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await until(lambda: worker.failures, "the worker stopped")
        assert isinstance(worker.failures[0], UnsupportedCodecError)
        await worker.stop()

    play(scenario)

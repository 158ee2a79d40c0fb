"""Trap 5: Faust logs and swallows an exception in recovery, and may go on reading changelogs of active partitions.

What a local copy that is behind, ahead, too old or of another topic comes to is in tests/streams/test_takeover.py.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from mode import Service

from connectors.kafka.changelog import Reader
from connectors.ports import MachineryFault
from events.topics import Role
from streams.engine import engine as engine_module
from streams.engine import recovery
from streams.engine.recovery import EngineRecovery
from tests.streams.engine.in_process import PATIENCE, Cluster, InProcess, play, spread, until

pytestmark = pytest.mark.kafka


class Swallowing(EngineRecovery):
    """Without the cure: as Faust's own, which logs the exception and waits for the next rebalance."""

    attempts = 0

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]
                break
            self.signal_recovery_start.clear()
            try:
                Swallowing.attempts += 1
                engine = self.app.engine  # type: ignore[attr-defined]
                await self._wait(engine.take_over([0], await engine.release()))
            except Exception as exc:  # noqa: BLE001
                self.log.info("Error in recovery: %r", exc)


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_a_recovery_that_fails_stops_the_worker(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    Swallowing.attempts = 0
    if not cured:
        monkeypatch.setattr(recovery, "EngineRecovery", Swallowing)

    class NeverRead:
        version = 0
        unreadable = ()

        async def caught_up(self) -> None:
            raise MachineryFault("recado.accounts was read up to 0 of 9 only")

    async def scenario() -> None:
        worker = InProcess(cluster, "w1", tmp_path, options={"settings": NeverRead()})
        starting = asyncio.create_task(worker.start(owns=False))
        if cured:
            await until(lambda: worker.failures, "the engine was told to end the process")
            assert "recado.accounts" in str(worker.failures[0])
        else:
            await until(lambda: Swallowing.attempts, "it was tried")
            assert worker.failures == [], "a worker that owns partitions and does nothing, and says nothing"
            starting.cancel()  # it would wait for ever
        assert worker.engine.suspended
        await asyncio.wait([starting])
        await worker.stop()

    play(scenario)


def test_the_changelog_of_an_owned_partition_is_not_read_any_more(cluster: Cluster, tmp_path: Path) -> None:
    """Else old states would overwrite new ones. The consumer holds the changelogs paused from their assignment on."""

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(200))
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await worker.passed(200)
        consumer: Any = worker.thread._ensure_consumer()
        changelogs = {TopicPartition(cluster.topics[Role.STATE], partition) for partition in range(cluster.partitions)}
        assert changelogs <= consumer.assignment()
        assert changelogs <= consumer.paused()
        assert not any(tp in consumer._fetcher._records for tp in changelogs)
        await worker.stop()
        assert worker.failures == []

    play(scenario)


def test_a_take_over_that_is_given_up_while_it_opens_closes_what_it_opened(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in the middle of aiokafka's start, a connection would stay open that nobody can close any more."""
    asked, may_open = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    class Slow(Reader):
        async def open(self) -> None:
            asked.set()
            await may_open.wait()
            await super().open()
            ended.append("opened")

        async def close(self) -> None:
            await super().close()
            ended.append("closed")

    async def scenario() -> None:
        worker = InProcess(cluster, "w1", tmp_path)
        starting = asyncio.create_task(worker.start(owns=False))
        await asyncio.wait_for(asked.wait(), PATIENCE)
        giving_up = asyncio.create_task(worker.engine.release())
        await until(lambda: worker.engine._taking is None, "the take-over was called off")
        assert ended == [], "it is not closed while it still opens"
        may_open.set()
        await giving_up
        assert ended == ["opened", "closed"]
        assert worker.failures == []
        starting.cancel()
        await asyncio.wait([starting])
        await worker.stop()

    monkeypatch.setattr(engine_module, "Reader", Slow)
    play(scenario)


def test_a_rebalance_that_comes_while_calls_are_waited_for_leaves_nothing_that_runs(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A call outlasts one rebalance, and the next begins: what the first assigned is not taken over."""

    async def scenario() -> None:
        busy = 0
        worker = await InProcess(cluster, "w1", tmp_path, options={"busy": lambda: busy}).start()
        engine, busy = worker.engine, 1
        begun = engine._suspensions
        first = asyncio.create_task(engine.release())
        await until(lambda: engine._suspensions == begun + 1, "the first rebalance took the partitions")
        second = asyncio.create_task(engine.release())
        await until(lambda: engine._suspensions == begun + 2, "the second one began meanwhile")
        busy = 0
        assert not await engine.take_over([0], await first)
        last = await second
        assert engine.suspended
        assert engine.owned() == ()
        assert await engine.take_over([0], last)
        assert engine.owned() == (0,)
        await worker.stop()
        assert worker.failures == []

    play(scenario)


def test_a_rebalance_in_the_middle_of_a_take_over_ends_it_and_the_next_one_owns_all(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Two workers that start together: the first is asked to give back what it has not taken over yet."""

    class Slow:
        """Settings that are read when the test says so."""

        version = 0
        unreadable = ()

        def __init__(self) -> None:
            self.asked = asyncio.Event()
            self.read = asyncio.Event()

        async def caught_up(self) -> None:
            self.asked.set()
            await self.read.wait()

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(400))
        slow = Slow()
        first = InProcess(cluster, "w1", tmp_path, options={"settings": slow})
        starting = asyncio.create_task(first.start())
        await asyncio.wait_for(slow.asked.wait(), PATIENCE)
        second = InProcess(cluster, "w2", tmp_path)
        await second.start()
        assert len(second.engine.running) == 2
        slow.read.set()
        await starting
        await until(lambda: first.position() + second.position() >= 400, "both together decided all")
        assert sorted([*first.engine.owned(), *second.engine.owned()]) == [0, 1, 2, 3]
        await first.stop()
        await second.stop()
        assert (first.failures, second.failures) == ([], [])
        assert len(await cluster.facts()) == 400

    play(scenario)

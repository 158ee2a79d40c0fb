"""Trap 10: an agent that raises acks and drops its event. The engine buries what a decider fails on, and says what it
cannot survive. The limit of five bugs in a minute is in tests/streams/test_pipeline_refusals.py."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.ports import Commit, MachineryFault, Record
from events.topics import Role
from streams.engine import engine as engine_module
from streams.engine.consumer import Batch
from streams.pipeline import Pipeline
from streams.step import Step
from tests.streams.engine.in_process import Cluster, InProcess, play, until

pytestmark = pytest.mark.kafka


class Dropping(Pipeline):
    """Without the cure: what raises is logged and passed over."""

    def _bury(self, role: Role, record: Record, step: Step, reason: str, detail: str) -> None:
        if reason != "decider":
            super()._bury(role, record, step, reason, detail)


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_an_event_on_which_a_decider_fails_is_a_dead_letter_and_the_worker_goes_on(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not cured:
        monkeypatch.setattr(engine_module, "Pipeline", Dropping)

    async def scenario() -> None:
        words = ["fact a", "bug b", "fact c", "unreadable", "fact d"]
        await cluster.publish(Role.CONTACTS, [(2, each) for each in words])
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await worker.passed(5)
        await worker.stop()
        assert worker.failures == []
        letters = [orjson.loads(written.value) for written in await cluster.read(Role.DEAD_LETTERS)]
        buried = [(letter["reason"], letter["offset"]) for letter in letters]
        assert buried == ([("decider", 1)] if cured else []) + [("schema", 3)]
        assert {subject for subject, _ in await cluster.facts()} == {"acme/a", "acme/c", "acme/d"}

    play(scenario)


def test_an_agent_that_fails_stops_the_worker(cluster: Cluster, tmp_path: Path) -> None:
    """Faust would drop the batch and start the agent again: run once without the agent's own `except`, `failures`
    stayed empty, and the worker went on without that topic."""

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, [(0, "fact a")])
        worker = InProcess(cluster, "w1", tmp_path)

        def broken(batch: Batch) -> None:
            raise RuntimeError("no such partition")

        worker.engine.accept = broken  # type: ignore[method-assign]
        await worker.start()
        await until(lambda: worker.failures, "the engine was told to end the process")
        assert str(worker.failures[0]) == "no such partition"
        assert worker.engine.suspended
        await worker.stop()

    play(scenario)


def test_a_commit_that_fails_stops_the_worker_at_once_and_its_records_are_decided_by_the_next(
    cluster: Cluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, [(0, "fact a"), (0, "fact b")])
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await worker.passed(2)

        async def broken(commit: Commit) -> int:
            raise MachineryFault("the commit's outcome is not known")

        worker.engine.running[0].writer.commit = broken  # type: ignore[method-assign]
        await cluster.publish(Role.CONTACTS, [(0, "fact c")])
        await until(lambda: worker.failures, "the engine was told to end the process")
        assert worker.engine.suspended
        assert not worker.engine.holds(0, worker.engine.tenure), "no call is made any more"
        await worker.vanish()
        again = await InProcess(cluster, "w1", tmp_path).start()
        await again.passed(3)
        await again.stop()
        assert [subject for subject, _ in await cluster.facts()] == ["acme/a", "acme/b", "acme/c"]

    play(scenario)


@pytest.mark.parametrize("of", ["metadata", "coordination", "fetches"])
def test_a_task_of_kafkas_client_that_ends_stops_the_worker(cluster: Cluster, tmp_path: Path, of: str) -> None:
    """Nothing else would tell: without the first two no heartbeat is ever sent again, and nobody takes over."""

    async def scenario() -> None:
        worker = await InProcess(cluster, "w1", tmp_path).start()
        consumer: Any = worker.thread._ensure_consumer()
        task = {
            "metadata": consumer._client._sync_task,
            "coordination": consumer._coordinator._coordination_task,
            "fetches": consumer._fetcher._fetch_task,
        }[of]
        worker.thread.thread_loop.call_soon_threadsafe(task.cancel)
        await until(lambda: worker.failures, "the worker stops")
        assert of in str(worker.failures[0])
        await worker.vanish()

    play(scenario)

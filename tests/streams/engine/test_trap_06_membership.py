"""Trap 6: without static membership every kill costs the session time-out before anybody owns the partitions."""

import time
from pathlib import Path
from typing import Any

import pytest

from events.topics import Role
from streams.engine import application
from streams.engine.application import EngineApp
from tests.streams.engine.in_process import Cluster, InProcess, once, play, spread, until

pytestmark = pytest.mark.kafka

SESSION = 6.0  # seconds; a broker takes no less


class Nameless(EngineApp):
    """Without the cure: a dynamic member, whom the broker knows by an id that dies with the process."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.pop("consumer_group_instance_id")
        super().__init__(*arguments, **options)


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "without the cure"])
def test_a_worker_that_was_killed_and_comes_back_owns_its_partitions_before_its_session_would_have_ended(
    cluster: Cluster, tmp_path: Path, cured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not cured:
        monkeypatch.setattr(application, "EngineApp", Nameless)

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(40))
        # A session so long that a busy machine is no reason to miss it, or as short as may be, to wait for its end.
        session = 60.0 if cured else SESSION
        killed = await InProcess(cluster, "w1", tmp_path, session_seconds=session).start()
        await killed.passed(40)
        await killed.vanish()
        last_beat = killed.thread.last_beat
        again = await InProcess(cluster, "w1", tmp_path, session_seconds=session).start()
        took = time.monotonic() - last_beat
        assert sorted(again.engine.owned()) == [0, 1, 2, 3]
        assert (took < session / 2) if cured else (took > SESSION - 1)
        await again.stop()
        assert again.failures == []

    play(scenario)


def test_a_planned_stop_hands_over_at_once(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Static members do not leave their group by themselves: without `leave_on_close` this takes the whole session."""

    async def scenario() -> None:
        await cluster.publish(Role.CONTACTS, spread(400))
        first = await InProcess(cluster, "w1", tmp_path, session_seconds=60.0).start()
        second = await InProcess(cluster, "w2", tmp_path, session_seconds=60.0).start()
        await until(lambda: len(first.engine.running) == len(second.engine.running) == 2, "both own half")
        began = time.monotonic()
        await first.stop()
        await until(lambda: len(second.engine.running) == 4 and not second.engine.suspended, "the other owns all")
        took = time.monotonic() - began
        with capsys.disabled():
            print(f"\n  a planned stop handed its partitions over in {took:.2f} s")  # noqa: T201
        assert took < 30, "not after the session's 60 s"
        await second.passed(400)
        await second.stop()
        assert (first.failures, second.failures) == ([], [])
        assert sorted(await cluster.facts()) == once(400)

    play(scenario)

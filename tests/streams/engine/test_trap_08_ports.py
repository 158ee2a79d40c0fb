"""Trap 8: Faust binds a web port of its own, 6066, and serves the state under /table to anyone."""

import socket
from pathlib import Path
from typing import Any

import pytest

from streams.engine import application
from streams.engine.application import EngineApp
from tests.streams.engine.in_process import Cluster, InProcess, play

pytestmark = pytest.mark.kafka


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The address of every socket of this process on which something begins to listen."""
    heard: list[Any] = []
    listen = socket.socket.listen

    def noted(self: socket.socket, *backlog: int) -> None:
        listen(self, *backlog)
        heard.append(self.getsockname())

    monkeypatch.setattr(socket.socket, "listen", noted)
    return heard


def test_no_worker_opens_a_port_so_that_two_of_them_run_on_one_machine(
    cluster: Cluster, tmp_path: Path, listening: list[Any]
) -> None:
    async def scenario() -> None:
        first = await InProcess(cluster, "w1", tmp_path).start()
        second = await InProcess(cluster, "w2", tmp_path).start()
        assert not first.app.conf.web_enabled
        assert not first.app.conf.web_tables_enabled
        await first.stop()
        await second.stop()
        assert (first.failures, second.failures) == ([], [])

    play(scenario)
    assert listening == []


def test_without_the_cure_there_is_a_port_and_this_would_be_noticed(
    cluster: Cluster, tmp_path: Path, listening: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    class WithWeb(EngineApp):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options |= {"web_enabled": True, "web_bind": "127.0.0.1", "web_port": free}
            super().__init__(*arguments, **options)

    monkeypatch.setattr(application, "EngineApp", WithWeb)

    async def scenario() -> None:
        worker = await InProcess(cluster, "w1", tmp_path).start()
        await worker.stop()

    play(scenario)
    assert listening

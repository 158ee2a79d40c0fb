"""A worker ends when it is told to, also while its broker does not answer."""

import asyncio
import os
import signal
from typing import Any

import pytest

from streams import lifetime


class Service:
    """One whose start and stop end when they are let."""

    def __init__(self) -> None:
        self.starts, self.stops = asyncio.Event(), asyncio.Event()
        self.told: list[str] = []
        self.begun, self.works = asyncio.Event(), asyncio.Event()

    async def start(self) -> None:
        self.told.append("starting")
        self.begun.set()
        try:
            await self.starts.wait()
        except asyncio.CancelledError:
            self.told.append("start given up")
            raise
        self.told.append("started")
        self.works.set()

    async def stop(self) -> None:
        self.told.append("stopping")
        await self.stops.wait()


def lived(scenario: Any) -> Any:
    async def run() -> Any:
        service, overdue = Service(), asyncio.Event()
        return await asyncio.wait_for(scenario(service, overdue), 30)

    return asyncio.run(run())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_works_and_stops_on_a_signal(number: int) -> None:
    async def scenario(service: Service, overdue: asyncio.Event) -> list[str]:
        service.starts.set()
        service.stops.set()
        life = asyncio.create_task(lifetime.live(service, lambda: False, overdue.set))
        await service.works.wait()
        assert not life.done()
        os.kill(os.getpid(), number)
        await life
        return service.told

    assert lived(scenario) == ["starting", "started", "stopping"]


def test_a_start_that_does_not_end_is_given_up_for_a_signal() -> None:
    async def scenario(service: Service, overdue: asyncio.Event) -> list[str]:
        service.stops.set()
        life = asyncio.create_task(lifetime.live(service, lambda: True, overdue.set))
        await service.begun.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await life
        return service.told

    assert lived(scenario) == ["starting", "stopping", "start given up"]


@pytest.mark.parametrize(("idle", "within"), [(True, (0.0, 3600.0)), (False, (3600.0, 0.0))])
def test_a_stop_that_does_not_end_is_overdue(idle: bool, within: tuple[float, float]) -> None:
    async def scenario(service: Service, overdue: asyncio.Event) -> bool:
        life = asyncio.create_task(lifetime.live(service, lambda: idle, overdue.set, within))
        await service.begun.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await overdue.wait()
        ended = life.done()
        service.stops.set()
        await life
        return ended

    assert lived(scenario) is False


def test_a_start_that_fails_is_told() -> None:
    class Broken(Service):
        async def start(self) -> None:
            raise ConnectionError

    async def run() -> None:
        await lifetime.live(Broken(), lambda: True, lambda: None)

    with pytest.raises(ConnectionError):
        asyncio.run(run())

"""While a transactional send is on its way, the other partitions stand still; none of them for ever."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from streams.engine import precedence
from streams.engine.precedence import Precedence

HIS, ANOTHER = 1, 2


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends by time, but where a test says so."""
    monkeypatch.setattr(precedence, "LONGEST", 3600.0)
    monkeypatch.setattr(precedence, "ENDS_AFTER", 3600.0)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def playing(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 30))


def test_without_a_send_on_its_way_nobody_waits() -> None:
    async def scene() -> None:
        first = Precedence()
        await first.give_way(HIS)
        await first.give_way(ANOTHER)

    playing(scene())


def test_until_it_arrives_all_stand_still_and_then_all_but_its_own_partition() -> None:
    async def scene() -> None:
        first = Precedence()
        first.begin(HIS)
        his = asyncio.create_task(first.give_way(HIS))
        another = asyncio.create_task(first.give_way(ANOTHER))
        await turns()
        assert not his.done(), "its pipeline could not see yet that it has come"
        first.arrived(HIS)
        await turns()
        assert his.done()
        assert not another.done()
        first.went_on(HIS, left=True)
        await turns()
        assert not another.done(), "more of them are left"
        first.went_on(HIS, left=False)
        await another

    playing(scene())


def test_a_step_that_ends_before_it_has_arrived_changes_nothing() -> None:
    async def scene() -> None:
        first = Precedence()
        first.begin(HIS)
        first.went_on(HIS, left=False)
        another = asyncio.create_task(first.give_way(ANOTHER))
        await turns()
        assert not another.done()
        first.arrived(HIS)
        first.went_on(HIS, left=False)
        await another

    playing(scene())


def test_of_two_that_go_first_the_last_one_ends_it() -> None:
    async def scene() -> None:
        first = Precedence()
        for partition in (HIS, ANOTHER):
            first.begin(partition)
            first.arrived(partition)
        third = asyncio.create_task(first.give_way(3))
        await first.give_way(ANOTHER)
        first.went_on(HIS, left=False)
        await turns()
        assert not third.done()
        first.went_on(ANOTHER, left=False)
        await third

    playing(scene())


def test_one_that_arrived_without_having_been_told_of_holds_up_nobody() -> None:
    async def scene() -> None:
        first = Precedence()
        first.arrived(HIS)
        await first.give_way(ANOTHER)

    playing(scene())


def test_nobody_stands_still_for_ever_however_many_sends_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "LONGEST", 0.001)

    async def scene() -> None:
        first = Precedence()
        first.begin(HIS)
        first.arrived(HIS)
        await first.give_way(ANOTHER)
        await first.give_way(ANOTHER)

    playing(scene())


def test_a_send_that_never_arrives_holds_up_the_others_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "ENDS_AFTER", 0.001)

    async def scene() -> None:
        first = Precedence()
        first.begin(HIS)
        await first.give_way(ANOTHER)

    playing(scene())


def test_the_later_of_two_sends_of_a_partition_begins_the_moment_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        first = Precedence()
        monkeypatch.setattr(precedence, "ENDS_AFTER", 0.001)
        first.begin(HIS)
        monkeypatch.setattr(precedence, "ENDS_AFTER", 3600.0)
        first.begin(HIS)
        first.arrived(HIS)
        another = asyncio.create_task(first.give_way(ANOTHER))
        await asyncio.wait([another], timeout=0.05)
        assert not another.done(), "the first one's timer is gone"
        first.end(HIS)
        await another

    playing(scene())


def test_what_stops_waits_for_nobody() -> None:
    async def scene() -> None:
        first = Precedence()
        first.begin(HIS)
        first.begin(3)
        another = asyncio.create_task(first.give_way(ANOTHER))
        await turns()
        first.clear()
        await another

    playing(scene())

"""While a transactional send is on its way, everything else stands still, and nothing for ever."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from streams.engine import precedence
from streams.engine.precedence import Precedence

HERS, ANOTHER = 1, 2


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends by time, but where a test says so."""
    monkeypatch.setattr(precedence, "LONGEST", 3600.0)
    monkeypatch.setattr(precedence, "ENDS_AFTER", 3600.0)


async def stands_still(*tasks: "asyncio.Task[None]") -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not any(task.done() for task in tasks)


def playing(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 30))


def test_without_a_send_on_its_way_nobody_waits() -> None:
    playing(Precedence().stand_still())


def test_others_wait_until_it_was_decided_and_its_own_partition_only_until_it_arrives() -> None:
    async def scene() -> None:
        first, held = Precedence(), False
        first.begin(HERS)
        her_own = asyncio.create_task(first.stand_still(lambda: held))
        another = asyncio.create_task(first.stand_still())
        assert await stands_still(her_own, another)
        held = True
        first.arrived(HERS)
        await her_own
        assert await stands_still(another)
        first.went_on(HERS, left=True)
        assert await stands_still(another), "more of them are left"
        first.went_on(HERS, left=False)
        await another

    playing(scene())


def test_a_step_that_ends_before_it_has_arrived_changes_nothing() -> None:
    async def scene() -> None:
        first = Precedence()
        first.begin(HERS)
        first.went_on(HERS, left=False)
        another = asyncio.create_task(first.stand_still())
        assert await stands_still(another)
        first.arrived(HERS)
        first.went_on(HERS, left=False)
        await another

    playing(scene())


def test_while_the_next_one_is_coming_the_end_of_the_one_before_it_ends_nothing() -> None:
    async def scene() -> None:
        first = Precedence()
        first.begin(HERS)
        first.arrived(HERS)
        first.begin(HERS)
        first.went_on(HERS, left=False)
        another = asyncio.create_task(first.stand_still())
        assert await stands_still(another)
        first.arrived(HERS)
        first.went_on(HERS, left=False)
        await another

    playing(scene())


def test_of_two_that_go_first_the_last_one_ends_it() -> None:
    async def scene() -> None:
        first = Precedence()
        for partition in (HERS, ANOTHER):
            first.begin(partition)
            first.arrived(partition)
        third = asyncio.create_task(first.stand_still())
        first.went_on(HERS, left=False)
        assert await stands_still(third)
        first.went_on(ANOTHER, left=False)
        await third

    playing(scene())


def test_one_that_was_dropped_on_its_way_holds_up_nobody() -> None:
    async def scene() -> None:
        first = Precedence()
        first.begin(HERS)
        another = asyncio.create_task(first.stand_still())
        assert await stands_still(another)
        first.end(HERS)
        await another
        first.arrived(ANOTHER)
        first.end(ANOTHER)
        await first.stand_still()

    playing(scene())


def test_nobody_stands_still_for_ever_however_many_sends_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "LONGEST", 0.001)

    async def scene() -> None:
        first = Precedence()
        first.begin(HERS)
        await first.stand_still()
        await first.stand_still()

    playing(scene())


def test_a_send_that_never_arrives_holds_up_the_others_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "ENDS_AFTER", 0.001)

    async def scene() -> None:
        first = Precedence()
        first.begin(HERS)
        await first.stand_still()

    playing(scene())


def test_the_later_of_two_sends_of_a_partition_begins_the_moment_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        first = Precedence()
        monkeypatch.setattr(precedence, "ENDS_AFTER", 0.001)
        first.begin(HERS)
        monkeypatch.setattr(precedence, "ENDS_AFTER", 3600.0)
        first.begin(HERS)
        another = asyncio.create_task(first.stand_still())
        await asyncio.wait([another], timeout=0.05)
        assert not another.done(), "the first one's timer is gone"
        first.end(HERS)
        await another

    playing(scene())


def test_what_stops_waits_for_nobody() -> None:
    async def scene() -> None:
        first = Precedence()
        first.begin(HERS)
        first.begin(3)
        another = asyncio.create_task(first.stand_still())
        assert await stands_still(another)
        first.clear()
        await another

    playing(scene())

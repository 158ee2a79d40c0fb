"""GET /sms, /sms/{id} and /organization/account."""

import asyncio
from typing import Any

import pytest


def test_the_list_is_paged_newest_first_and_ends_with_an_empty_page(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(journey=[]) as given:
            for n in range(7):
                await given.send(f"c-{n}")
            pages = [(await given.ask("GET", f"/sms?page={page}&per_page=3")).body["entities"] for page in range(1, 5)]
            assert [[message["clientId"] for message in page] for page in pages] == [
                ["c-6", "c-5", "c-4"],
                ["c-3", "c-2", "c-1"],
                ["c-0"],
                [],
            ]
            assert pages[0][0]["status"] == "enqueued"

    asyncio.run(scenario())


@pytest.mark.parametrize("query", ["", "?page=0", "?page=x&per_page=-1", "?page=1per_page=10", "?page=99999999999999"])
def test_a_query_that_cannot_be_read_means_the_defaults(simulation: Any, query: str) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            for n in range(12):
                await given.send(f"c-{n}")
            assert len((await given.ask("GET", f"/sms{query}")).body["entities"]) == 10

    asyncio.run(scenario())


def test_new_messages_may_show_up_late(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(modes={"list_lag": 3_600}) as given:
            message = (await given.send("c-1")).body["entity"]
            assert (await given.ask("GET", "/sms")).body == {"entities": []}
            assert (await given.ask("GET", f"/sms/{message['id']}")).status == 200
            await given.ask("PATCH", "/_sim/modes", {"list_lag": 0})
            assert len((await given.ask("GET", "/sms")).body["entities"]) == 1

    asyncio.run(scenario())


def test_a_project_sees_its_own_messages_only(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(tokens=[{"token": "other"}]) as given:
            message = (await given.send()).body["entity"]
            assert (await given.ask("GET", f"/sms/{message['id']}", token="other")).status == 404
            assert (await given.ask("GET", "/sms", token="other")).body == {"entities": []}

    asyncio.run(scenario())


def test_reading_has_faults_of_its_own(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(faults=[{"kind": "status"}]) as given:
            assert (await given.ask("GET", "/sms")).status == 200, "a fault without an endpoint is about sending"
            await given.ask("POST", "/_sim/faults", {"kind": "status", "status": 503, "endpoint": "list"})
            assert (await given.ask("GET", "/sms")).status == 503
            assert (await given.ask("GET", "/organization/account")).status == 200
            assert given.sim.ledger.summary()["refusals"] == 0, "a refusal is of something to send"

    asyncio.run(scenario())

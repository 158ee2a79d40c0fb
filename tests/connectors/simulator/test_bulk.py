"""POST /sms/bulk: partial success, limits, and the ways in which it may be worse than documented."""

import asyncio
from typing import Any

import pytest


def batch(count: int) -> list[dict[str, Any]]:
    return [
        {"from": "Acme", "to": f"+346000{n:05d}", "text": "Hola", "allowUnicode": False, "clientId": f"c-{n}"}
        for n in range(count)
    ]


def test_the_good_are_accepted_and_the_bad_are_refused_by_name(simulation: Any) -> None:
    items = batch(4)
    items[1]["to"] = "nobody"
    items[2]["from"] = "far too long a name"

    async def scenario() -> None:
        async with simulation() as given:
            reply = await given.ask("POST", "/sms/bulk", items)
            assert reply.status == 201
            assert [entity["clientId"] for entity in reply.body["entities"]] == ["c-0", "c-3"]
            assert all(entity["id"] for entity in reply.body["entities"])
            refused = {error["clientId"]: list(error["errors"]) for error in reply.body["errors"]}
            assert refused == {"c-1": ["to"], "c-2": ["from"]}
            assert (given.sim.ledger.accepted, given.sim.ledger.refusals[201]) == (2, 2)

    asyncio.run(scenario())


def test_an_item_that_is_no_object_is_refused_alone(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            reply = await given.ask("POST", "/sms/bulk", ["x", *batch(1), None])
            assert (len(reply.body["entities"]), len(reply.body["errors"])) == (1, 2)

    asyncio.run(scenario())


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 201), (100, 201), (101, 400)])
def test_a_batch_has_one_to_a_hundred_messages(simulation: Any, count: int, status: int) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            assert (await given.ask("POST", "/sms/bulk", batch(count))).status == status
            assert given.sim.ledger.accepted == (count if status == 201 else 0)

    asyncio.run(scenario())


def test_a_batch_that_is_no_array_is_refused(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            assert (await given.ask("POST", "/sms/bulk", batch(1)[0])).status == 400

    asyncio.run(scenario())


def test_entities_may_lack_client_ids_come_shuffled_and_errors_be_anonymous(simulation: Any) -> None:
    items = [*batch(20), {"clientId": "bad"}]
    modes = {"bulk_client_ids": False, "bulk_shuffled": True, "bulk_errors_named": False}

    async def scenario() -> None:
        async with simulation(modes=modes) as given:
            reply = await given.ask("POST", "/sms/bulk", items)
            ids = [entity["id"] for entity in reply.body["entities"]]
            assert len(ids) == 20
            assert ids != sorted(ids)
            assert not any("clientId" in entity for entity in reply.body["entities"] + reply.body["errors"])

    asyncio.run(scenario())


@pytest.mark.parametrize(("mode", "accepted"), [("whole", 0), ("partial", 3)])
def test_without_funds_for_all_the_answer_is_402_whatever_was_accepted(
    simulation: Any, mode: str, accepted: int
) -> None:
    async def scenario() -> None:
        async with simulation(modes={"bulk_no_funds": mode}) as given:
            await given.ask("POST", "/_sim/tokens", {"token": "t0k3n", "available": 3})
            assert (await given.ask("POST", "/sms/bulk", batch(5))).status == 402
            assert given.sim.ledger.accepted == accepted

    asyncio.run(scenario())


def test_a_fault_of_one_number_strikes_its_batch(simulation: Any) -> None:
    fault = {"kind": "status_after", "to": "+34600000003", "times": 1}

    async def scenario() -> None:
        async with simulation(faults=[fault]) as given:
            assert (await given.ask("POST", "/sms/bulk", batch(5))).status == 500
            assert given.sim.ledger.accepted == 5
            assert (await given.ask("POST", "/sms/bulk", batch(5))).status == 201

    asyncio.run(scenario())


def test_a_field_error_of_one_number_refuses_that_message_only(simulation: Any) -> None:
    fault = {"kind": "field_error", "to": "+34600000003", "field": "to", "message": "blocked"}

    async def scenario() -> None:
        async with simulation(faults=[fault]) as given:
            reply = await given.ask("POST", "/sms/bulk", batch(5))
            assert reply.body["errors"] == [{"clientId": "c-3", "errors": {"to": ["blocked"]}}]
            assert given.sim.ledger.accepted == 4

    asyncio.run(scenario())


def test_a_client_id_twice_in_one_batch_counts_twice_or_by_mode_is_refused(simulation: Any) -> None:
    items = batch(1) * 2

    async def scenario() -> None:
        async with simulation() as given:
            await given.ask("POST", "/sms/bulk", items)
            assert (given.sim.ledger.accepted, given.sim.ledger.second_sends) == (2, 1)
        async with simulation(modes={"repeated_client_id": "refused"}) as given:
            reply = await given.ask("POST", "/sms/bulk", items)
            assert (len(reply.body["entities"]), len(reply.body["errors"])) == (1, 1)

    asyncio.run(scenario())

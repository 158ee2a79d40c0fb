"""Callbacks: every status, every way in which they go wrong, and replies."""

import asyncio
from typing import Any

import pytest

STATUSES = [
    *("accepted", "sent", "buffered", "delivered", "failed", "rejected", "error", "expired", "canceled", "unknown"),
    *("stop", "enqueued", "unpaid", "moon-phase"),
]


def journey(*statuses: str, after: float = 0) -> dict[str, Any]:
    return {"journey": [{"status": status, "after": after} for status in statuses]}


def test_a_message_is_delivered_by_default_and_its_sender_told(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            message = (await given.send("c-1")).body["entity"]
            await given.sim.settled()
            (told,) = given.receiver.taken
            assert (told["id"], told["clientId"]) == (message["id"], "c-1")
            assert (told["status"], told["code"]) == ("delivered", 0)
            assert len(told["eventAt"]) == 20
            assert set(told) == {"id", "clientId", "status", "code", "eventAt"}
            assert given.receiver.media_types == ["application/json"]
            assert given.sim.ledger.summary()["callbacks_made"] == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_can_be_reached(simulation: Any, status: str) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            steps = [{"status": status, "code": 17, "after": 0}]
            await given.ask("POST", "/_sim/journeys", {"to": "+34600000001", "steps": steps})
            message = (await given.send("c-1")).body["entity"]
            await given.send("c-2", to="+34600000002")
            await given.sim.settled()
            told = {one["clientId"]: (one["status"], one["code"]) for one in given.receiver.taken}
            assert told == {"c-1": (status, 17), "c-2": ("delivered", 0)}
            assert (await given.ask("GET", f"/sms/{message['id']}")).body["entity"]["status"] == status

    asyncio.run(scenario())


def test_a_journey_is_told_step_by_step(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(**journey("accepted", "sent", "delivered", after=0.02)) as given:
            await given.send()
            await given.sim.settled()
            assert [told["status"] for told in given.receiver.taken] == ["accepted", "sent", "delivered"]

    asyncio.run(scenario())


def test_lost_callbacks_are_counted_and_the_status_changes_all_the_same(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(faults=[{"kind": "callback_lost"}]) as given:
            message = (await given.send()).body["entity"]
            await given.sim.settled()
            assert given.receiver.taken == []
            assert given.sim.ledger.callbacks.lost == 1
            assert (await given.ask("GET", f"/sms/{message['id']}")).body["entity"]["status"] == "delivered"

    asyncio.run(scenario())


def test_duplicated_callbacks_are_the_same_to_the_letter(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(faults=[{"kind": "callback_duplicated", "copies": 3}]) as given:
            await given.send()
            await given.sim.settled()
            first, second, third = given.receiver.taken
            assert first == second == third

    asyncio.run(scenario())


def test_reordered_callbacks_come_last_first_with_their_own_order_in_the_status(simulation: Any) -> None:
    async def scenario() -> None:
        faults = [{"kind": "callback_reordered"}]
        async with simulation(faults=faults, **journey("accepted", "sent", "delivered", after=0.03)) as given:
            message = (await given.send()).body["entity"]
            await given.sim.settled()
            assert [told["status"] for told in given.receiver.taken] == ["delivered", "sent", "accepted"]
            assert (await given.ask("GET", f"/sms/{message['id']}")).body["entity"]["status"] == "delivered"

    asyncio.run(scenario())


def test_a_late_callback_comes_after_those_of_later_messages(simulation: Any) -> None:
    async def scenario() -> None:
        fault = {"kind": "callback_late", "to": "+34600000001", "seconds": 0.5}
        async with simulation(faults=[fault]) as given:
            await given.send("late", to="+34600000001")
            await given.send("early", to="+34600000002")
            await given.sim.settled()
            assert [told["clientId"] for told in given.receiver.taken] == ["early", "late"]

    asyncio.run(scenario())


def test_a_callback_can_come_before_the_answer(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(faults=[{"kind": "callback_before_answer"}], **journey("sent", "delivered")) as given:
            given.receiver.open.clear()
            answer = asyncio.ensure_future(given.send())
            await given.receiver.arrivals.get()
            assert not answer.done()
            given.receiver.open.set()
            assert (await answer).status == 201
            await given.sim.settled()
            assert [told["status"] for told in given.receiver.taken].count("sent") == 1

    asyncio.run(scenario())


def test_what_is_not_answered_2xx_is_repeated_until_it_is(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            given.receiver.statuses = [503, 404, 302]
            await given.send()
            await given.sim.settled()
            assert len(given.receiver.taken) == 4
            assert all(told == given.receiver.taken[0] for told in given.receiver.taken)
            counts = given.sim.ledger.callbacks
            assert (counts.made, counts.taken, counts.given_up) == (4, 1, 0)

    asyncio.run(scenario())


def test_what_is_not_answered_in_time_is_repeated(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(callback_timeout=0.05, callback_retry=0.2) as given:
            given.receiver.open.clear()
            await given.send()
            for _ in range(2):
                await given.receiver.arrivals.get()
            given.receiver.open.set()
            await given.sim.settled()
            assert given.sim.ledger.callbacks.taken == 1

    asyncio.run(scenario())


def test_after_its_last_attempt_a_callback_is_given_up(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(callback_attempts=3) as given:
            given.receiver.statuses = [500] * 10
            await given.send()
            await given.sim.settled()
            assert (given.sim.ledger.callbacks.made, given.sim.ledger.callbacks.given_up) == (3, 1)

    asyncio.run(scenario())


def test_a_receiver_that_is_not_there_is_no_fault_of_the_simulators(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(callback_attempts=2) as given:
            await given.ask("POST", "/_sim/tokens", {"token": "t0k3n", "callback_url": "http://127.0.0.1:1/nobody"})
            await given.send()
            await given.sim.settled()
            assert given.sim.ledger.callbacks.given_up == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "config", [{"modes": {"callbacks_form_encoded": True}}, {"faults": [{"kind": "callback_form_encoded"}]}]
)
def test_callbacks_can_be_form_encoded_with_numbers_as_text(simulation: Any, config: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with simulation(**config) as given:
            await given.send("c-1")
            await given.sim.settled()
            (told,) = given.receiver.taken
            assert given.receiver.media_types == ["application/x-www-form-urlencoded"]
            assert (told["clientId"], told["status"], told["code"]) == ("c-1", "delivered", "0")

    asyncio.run(scenario())


@pytest.mark.parametrize(("repeats", "client_ids"), [(True, {"c-1"}), (False, {None})])
def test_a_stop_comes_with_a_client_id_or_without(simulation: Any, repeats: bool, client_ids: set[str | None]) -> None:
    async def scenario() -> None:
        async with simulation(journey=[]) as given:
            await given.send("c-1", to="+34600000001")
            order = {"token": "t0k3n", "to": "+34600000001", "status": "stop", "repeat_client_id": repeats}
            assert (await given.ask("POST", "/_sim/inbound", order)).status == 200
            await given.sim.settled()
            (told,) = given.receiver.taken
            assert told["status"] == "stop"
            assert {told.get("clientId")} == client_ids

    asyncio.run(scenario())


def test_a_reply_has_its_text_in_message(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            order = {"token": "t0k3n", "client_id": "c-9", "status": "delivered", "message": "Baja, por favor"}
            await given.ask("POST", "/_sim/inbound", order)
            await given.sim.settled()
            assert given.receiver.taken[0]["message"] == "Baja, por favor"

    asyncio.run(scenario())


def test_a_callback_of_any_shape_can_be_ordered(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            await given.ask("POST", "/_sim/inbound", {"token": "t0k3n", "callback": {"what": ["ever"]}})
            await given.sim.settled()
            assert given.receiver.taken == [{"what": ["ever"]}]

    asyncio.run(scenario())


def test_a_token_without_a_callback_url_is_polled_only(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(tokens=[{"token": "old"}]) as given:
            sms = {"from": "Acme", "to": "+34600000001", "text": "Hola"}
            message = (await given.ask("POST", "/sms", sms, token="old")).body["entity"]
            await given.sim.settled()
            assert given.receiver.taken == []
            shown = (await given.ask("GET", f"/sms/{message['id']}", token="old")).body["entity"]
            assert shown["status"] == "delivered"

    asyncio.run(scenario())

"""POST /sms: what is accepted, what is refused, and what is on every answer."""

import asyncio
from typing import Any

import pytest

SMS = {"from": "Acme", "to": "+34600000001", "text": "Hola", "allowUnicode": False, "clientId": "c-1"}


def test_an_sms_is_accepted_with_an_id_of_its_own(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            first, second = await given.send("c-1"), await given.send("c-2")
            assert (first.status, second.status) == (201, 201)
            assert first.body["entity"]["id"] != second.body["entity"]["id"]
            assert given.sim.ledger.accepted == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/sms", "/sms/", "/transactional/v1/sms", "/transactional/v1/sms/"])
def test_every_path_has_a_prefix_or_none_and_a_slash_or_none(simulation: Any, path: str) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            assert (await given.fetch("POST", given.sim.root + path, SMS)).status == 201

    asyncio.run(scenario())


def test_only_a_known_bearer_token_is_let_in(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            assert (await given.ask("POST", "/sms", SMS, token="another")).status == 401
            assert (await given.ask("POST", "/sms", SMS, token=None)).status == 401
            assert (await given.ask("POST", "/sms?access_token=t0k3n", SMS, token=None)).status == 401
            basic = {"Authorization": "Basic t0k3n"}
            async with given.session.post(given.sim.url + "/sms", json=SMS, headers=basic) as response:
                assert response.status == 401
            assert given.sim.ledger.accepted == 0
            assert given.sim.ledger.refusals[401] == 4

    asyncio.run(scenario())


def test_a_token_can_be_revoked_and_given_back(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            await given.ask("POST", "/_sim/tokens", {"token": "t0k3n", "revoked": True})
            assert (await given.send()).status == 401
            await given.ask("POST", "/_sim/tokens", {"token": "t0k3n", "revoked": False})
            assert (await given.send()).status == 201
            await given.sim.settled()
            assert given.receiver.taken, "the callback URL was kept"

    asyncio.run(scenario())


def test_any_token_is_let_in_if_so_configured(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(accept_any_token=True) as given:
            assert (await given.ask("POST", "/sms", SMS, token="never-seen")).status == 201
            assert (await given.ask("POST", "/sms", SMS, token="")).status == 401

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"clientId": "x" * 41}, "clientId"),
        ({"clientId": 17}, "clientId"),
        ({"from": "x" * 12}, "from"),
        ({"from": None}, "from"),
        ({"to": "600000001"}, "to"),
        ({"to": "+34 600 000 001"}, "to"),
        ({"to": "+0600000001"}, "to"),
        ({"text": ""}, "text"),
        ({"text": 5}, "text"),
        ({"allowUnicode": "perhaps"}, "allowUnicode"),
    ],
)
def test_a_bad_field_is_refused_by_name(simulation: Any, change: dict[str, Any], field: str) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            reply = await given.ask("POST", "/sms", SMS | change)
            assert reply.status == 400
            assert list(reply.body["errors"]) == [field]
            assert given.sim.ledger.accepted == 0

    asyncio.run(scenario())


def test_the_limits_themselves_are_accepted(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            assert (await given.ask("POST", "/sms", SMS | {"clientId": "x" * 40, "from": "x" * 11})).status == 201

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [200, 422])
def test_the_status_of_a_bad_field_is_a_mode(simulation: Any, status: int) -> None:
    async def scenario() -> None:
        async with simulation(modes={"field_error_status": status}) as given:
            reply = await given.send(to="nobody")
            assert (reply.status, list(reply.body["errors"])) == (status, ["to"])

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "Problems parsing JSON"),
        (b"", "Problems parsing JSON"),
        (b"[]", "Body should be a JSON object"),
        (b"7", "Body should be a JSON object"),
    ],
)
def test_a_body_that_is_no_object_is_refused_in_the_documented_words(
    simulation: Any, body: bytes, message: str
) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            reply = await given.ask("POST", "/sms", body)
            assert (reply.status, reply.body) == (400, {"message": message})

    asyncio.run(scenario())


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused(simulation: Any, chunked: bool) -> None:
    async def scenario() -> None:
        async with simulation(max_body=2_048) as given:
            reply = await given.ask("POST", "/sms", b" " * 3_000, chunked=chunked or None)
            assert reply.status == 413

    asyncio.run(scenario())


def test_a_balance_falls_by_part_and_at_its_end_sends_are_refused(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            await given.ask("POST", "/_sim/tokens", {"token": "t0k3n", "available": 3})
            assert (await given.send(text="a" * 161)).status == 201
            balance = (await given.ask("GET", "/organization/account")).body
            assert balance == {"entity": {"available": 1.0}}
            assert (await given.send(text="á" * 71)).status == 402, "two parts"
            assert (await given.send()).status == 201
            reply = await given.send()
            assert (reply.status, reply.body) == (402, {"message": "NoFundsError"})
            assert given.sim.ledger.accepted == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("ñ" * 160, "GSM-7", 1),
        ("á" * 70, "UCS-2", 1),
        ("á" * 71, "UCS-2", 2),
        ("😀" * 36, "UCS-2", 2),
    ],
)
def test_parts_are_counted(simulation: Any, text: str, encoding: str, parts: int) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            reply = await given.send(text=text, allowUnicode=True)
            shown = (await given.ask("GET", f"/sms/{reply.body['entity']['id']}")).body["entity"]
            assert (shown["encoding"], shown["messagesCount"]) == (encoding, parts)

    asyncio.run(scenario())


def test_unicode_that_was_not_allowed_is_noted(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            await given.send(text="Adiós")
            await given.send(text="Adiós", allowUnicode=True)
            await given.send(text="mañana")
            assert given.sim.ledger.unicode_not_allowed == 1

    asyncio.run(scenario())


def test_beyond_the_rate_the_answer_is_429_with_no_body(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(rate_limit=2) as given:
            replies = [await given.send(f"c-{n}") for n in range(3)]
            assert [reply.status for reply in replies] == [201, 201, 429]
            assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["1", "0", "0"]
            assert replies[2].content == b""
            assert len({reply.headers["X-RateLimit-Reset"] for reply in replies}) == 1
            assert (await given.ask("GET", "/sms")).status == 200, "the limit is that of an endpoint"
            assert given.sim.ledger.accepted == 2

    asyncio.run(scenario())


def test_the_rate_headers_are_on_every_answer(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            replies = [
                await given.send(),
                await given.send(to="nobody"),
                await given.ask("POST", "/sms", SMS, token="another"),
                await given.ask("GET", "/sms"),
                await given.ask("GET", "/sms/unknown"),
                await given.ask("GET", "/nowhere"),
                await given.ask("POST", "/sms/bulk", [SMS]),
                await given.ask("GET", "/organization/account"),
            ]
            for reply in replies:
                assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(reply.headers)
            assert [reply.status for reply in replies] == [201, 400, 401, 200, 404, 404, 201, 200]

    asyncio.run(scenario())


def test_a_repeated_client_id_is_a_second_send_or_by_mode_refused(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            assert [(await given.send("c-1")).status for _ in range(2)] == [201, 201]
            assert given.sim.ledger.second_sends == 1
            await given.ask("PATCH", "/_sim/modes", {"repeated_client_id": "refused"})
            reply = await given.send("c-1")
            assert (reply.status, list(reply.body["errors"])) == (400, ["clientId"])
            assert given.sim.ledger.second_sends == 1

    asyncio.run(scenario())


def test_the_id_may_stand_at_the_top(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation(modes={"id_wrapper": "top_level"}) as given:
            assert (await given.send()).body["id"]

    asyncio.run(scenario())

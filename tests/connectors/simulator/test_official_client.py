"""The provider's own Python client, pointed at the simulator: it loses the clientId and breaks the query, yet sends."""

import asyncio
from typing import Any

from instasent.client import Client


def test_the_official_client_sends_reads_and_sees_its_balance(simulation: Any) -> None:
    async def scenario() -> None:
        async with simulation() as given:
            client = Client("t0k3n")
            client.secureChannel = f"{given.sim.root}/"

            def in_thread(method: Any, *arguments: Any) -> Any:
                return asyncio.to_thread(method, *arguments)

            sent = await in_thread(client.send_sms, "Acme", "+34600000001", "Hola")
            assert sent["response_code"] == 201
            message_id = sent["response_body"]["entity"]["id"]
            shown = await in_thread(client.get_sms_by_id, message_id)
            assert shown["response_body"]["entity"]["to"] == "+34600000001"
            listed = await in_thread(client.get_sms)
            assert [entity["id"] for entity in listed["response_body"]["entities"]] == [message_id]
            balance = await in_thread(client.get_account_balance)
            assert balance["response_body"]["entity"]["available"] == 999_999
            refused = await in_thread(client.send_sms, "Acme", "nobody", "Hola")
            assert refused["response_code"] == 400
            assert (given.sim.ledger.accepted, given.sim.ledger.without_client_id) == (1, 1)

    asyncio.run(scenario())

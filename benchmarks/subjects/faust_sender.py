"""Sending as Faust's documentation writes it: an agent that awaits each call of the provider. At least once."""

from typing import Any

import aiohttp
import faust

from benchmarks.subjects.command import Command


def build(command: Command) -> faust.App:
    """A Faust application with one agent; its settings are the provider's `url` and `token`."""
    app = faust.App(
        command.target, broker=f"kafka://{command.bootstrap}", store="memory://", datadir=str(command.data),
        web_enabled=False, topic_partitions=command.partitions, topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )  # fmt: skip
    requests = app.topic(command.source, value_type=bytes, value_serializer="json", key_serializer="raw")
    headers = {"Authorization": f"Bearer {command.settings['token']}"}
    url = f"{command.settings['url']}/sms"

    @app.agent(requests)
    async def send(stream: Any) -> None:
        async with aiohttp.ClientSession(headers=headers) as session:
            async for event in stream:
                asked = event["data"]
                message = {
                    "from": asked["sender"], "to": asked["to"]["alert"], "text": asked["text"], "allowUnicode": True,
                    "clientId": f"faust-{event['id']}"[:40],
                }  # fmt: skip
                async with session.post(url, json=message) as answer:
                    await answer.read()

    return app


if __name__ == "__main__":
    worker = faust.Worker(build(Command.read()), loglevel="ERROR")
    worker.spinner = None  # or it has a record made of every debug message: a ninth of the time
    worker.execute_from_commandline()

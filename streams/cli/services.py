"""The long-running programs, each a process of its own: worker, HTTP, read model, simulator."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from streams.cli import parent
from streams.cli.calm import Calm
from streams.cli.files import read_json
from streams.cli.refusal import Refused


def begin(level: int = logging.INFO) -> None:
    """What every service does first: tie itself to its supervisor, and log to standard error, in UTC."""
    import time

    parent.bind()
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Calm())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("aiokafka", "faust", "mode", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


@click.command()
def worker() -> None:
    """Run one worker: it decides, sends and writes the journal. Run as many as there are partitions at most.

    Makes the topics that are missing. Stops on SIGTERM after its calls are answered.

    \b
    Example:  RECADO_KAFKA=kafka-1:9092 RECADO_SECRET=... recado worker
    """
    begin()
    from streams.app import run_worker
    from streams.cli import machine, place

    settings = place.located(place.settings())
    settings.secret()
    machine.make_topics(settings)
    run_worker(settings)


@click.command()
@click.option("--only", type=click.Choice(["ingress", "api", "console"]), help="One part instead of all.")
def http(only: str | None) -> None:
    """Serve HTTP at RECADO_HTTP: the provider's callbacks (ingress) and the API.

    \b
    Example:  RECADO_HTTP=0.0.0.0:8080 RECADO_PUBLIC_URL=https://sms.example.com recado http
    """
    if only == "console":
        raise Refused("The console does not exist in this version: use `recado http --only api`, or the command line.")
    begin()
    from streams.cli import place
    from streams.cli.web import serve

    settings = place.located(place.settings())
    place.require_free(settings.http)
    serve(settings, ingress=only != "api", api=only != "ingress")


@click.command()
def readmodel() -> None:
    """Write the SQL read model from the journal, each fact once; the API and `recado contact` read from it.

    \b
    Example:  RECADO_DATABASE=postgresql://recado@db/recado recado readmodel
    """
    begin()
    import asyncio

    from connectors.readmodel.consumer import JournalReader
    from connectors.readmodel.database import open_database, prepare
    from connectors.readmodel.keys import KeysReader
    from events.topics import Role, name
    from streams.cli import place

    settings = place.located(place.settings())
    engine = open_database(settings.database)
    prepare(engine)
    journal = JournalReader(engine, name(settings.topic_prefix, Role.JOURNAL), place.client(settings))
    keys = KeysReader(engine, name(settings.topic_prefix, Role.KEYS), place.client(settings))

    async def read() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(keys.run())
            await journal.run()

    asyncio.run(until_stopped(read()))
    engine.dispose()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0 takes a free one.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The one token that is taken; without it any is.",
)
@click.option("--callback", metavar="URL", help="Where callbacks go; it holds a secret, so rather put it in --config.")
@click.option("--latency", type=click.FloatRange(0, 3600), help="Seconds between taking a message and answering.")
@click.option(
    "--faults-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A JSON list of faults."
)
@click.option(
    "--ledger-file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the ledger here, across restarts."
)
@click.option("--seed", type=int, help="Decides every chance.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="All settings as a JSON object; options go first.",
)
def simulator(
    host: str,
    port: int,
    token_file: Path | None,
    callback: str | None,
    faults_file: Path | None,
    config: Path | None,
    **given: Any,
) -> None:
    """Stand in for Instasent: its API, with faults to order, and a ledger of what it accepted at /_sim/ledger.

    \b
    Example:  recado simulator --port 8081 --seed 7
    """
    begin(logging.WARNING)
    from connectors.simulator import Config, run
    from streams.cli.account import read_token
    from streams.cli.refusal import mistaken

    settings: dict[str, Any] = read_json(config, dict) if config else {"accept_any_token": token_file is None}
    settings |= {name: value for name, value in given.items() if value is not None}
    if callback:
        settings["callback_url"] = callback
    if faults_file:
        settings["faults"] = read_json(faults_file, list)
    if token_file:
        settings["tokens"] = [{"token": read_token(str(token_file)), "callback_url": settings.get("callback_url")}]
    with mistaken():
        checked = Config.model_validate(settings)
    run(host, port, checked, lambda running: click.echo(f"Instasent's API is simulated at {running.url}"))


async def until_stopped(work: Any) -> None:
    """Run a coroutine until it ends or SIGINT or SIGTERM asks it to. Its error is raised."""
    import asyncio
    import signal

    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def stop() -> None:
        asked.set()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not asked.is_set():
            raise

"""`recado demo`: `up` with a simulated provider, a sample account and live traffic."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--once", is_flag=True, help="Play the samples, check every sum, and end: exit status 0 if all are right."
)
@click.option(
    "--timeout", type=click.FloatRange(1), default=180.0, show_default=True, help="With --once: seconds to settle."
)
@click.option("--rate", type=click.FloatRange(0.1, 1000), default=8.0, show_default=True, help="Live events a second.")
@click.option("--seed", type=int, default=7, show_default=True, help="Decides what the simulated provider does.")
def demo(once: bool, timeout: float, rate: float, seed: int) -> None:
    """Everything on this machine, with Instasent simulated: nothing is sent to anybody.

    It makes the account acme, imports sample contacts, plays updates and both lanes of sends, and shows what happens
    until Ctrl-C. Its data lie in a temporary folder that goes at the end, unless RECADO_DATA names one.

    \b
    Example:  recado demo --once
    """
    import asyncio
    import base64
    import os
    import secrets
    import shutil
    import sys
    import tempfile
    import time

    from streams.cli import machine, place
    from streams.cli.demo.session import Session

    began = time.monotonic()
    if not os.environ.get("RECADO_HTTP"):
        os.environ["RECADO_HTTP"] = f"127.0.0.1:{place.free_port(8080)}"
    if os.environ.get("RECADO_KAFKA") and not os.environ.get("RECADO_TOPIC_PREFIX"):
        os.environ["RECADO_TOPIC_PREFIX"] = f"recado-demo-{secrets.token_hex(3)}."  # apart from what lives there
    if os.environ.get("RECADO_KAFKA") and not os.environ.get("RECADO_SECRET"):
        os.environ["RECADO_SECRET"] = base64.b64encode(
            secrets.token_bytes(32)
        ).decode()  # nothing lasts beyond the demo
    fresh = None if os.environ.get("RECADO_DATA") else Path(tempfile.mkdtemp(prefix="recado-demo-"))
    if fresh is not None:
        os.environ["RECADO_DATA"] = str(fresh)
    given = place.settings()
    status = 2
    try:
        with machine.held(given.data):
            place.require_free(given.http)
            given.secret()
            _log_to(given.data / "logs" / "demo.log")
            click.echo("recado demo: starting Kafka, a worker, HTTP, the read model and a simulated Instasent")
            with machine.broker(given, click.echo) as (settings, kafka):
                session = Session(settings, kafka, place.free_port(8081), once, timeout, rate, seed, began)
                status = asyncio.run(session.run())
        click.echo(session.summary())
        for check in session.verdict:
            if not check.holds:
                click.echo(f"Not right: {check.words}", err=True)
    finally:
        if fresh is not None and status == 0:
            shutil.rmtree(fresh, ignore_errors=True)
        elif status:
            click.echo(f"The logs of what ran are in {given.data / 'logs'}.", err=True)
    sys.exit(status)


def _log_to(path: Path) -> None:
    """What the libraries of this process log goes to a file: the terminal belongs to the view."""
    import logging

    path.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    logging.basicConfig(filename=path, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")

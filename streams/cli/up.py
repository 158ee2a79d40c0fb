"""`recado up`: everything on one machine."""

from __future__ import annotations

import click


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Workers to run.")
def up(workers: int) -> None:
    """Run everything on one machine: Kafka if RECADO_KAFKA is unset, topics, workers, HTTP and the read model.

    Ctrl-C or SIGTERM stops it in order. What crashes is started again, and said. Logs lie in RECADO_DATA/logs.

    \b
    Example:  RECADO_DATA=~/recado recado up --workers 2
    """
    import asyncio
    import sys

    from streams.cli import machine, place
    from streams.cli.supervisor import Supervisor

    def say(sentence: str) -> None:
        click.echo(f"recado: {sentence}")
        sys.stdout.flush()

    given = place.settings()
    with machine.held(given.data):
        place.require_free(given.http)
        given.secret()  # missing: refused here, before anything runs
        with machine.broker(given, say) as (settings, kafka):
            supervisor = Supervisor(machine.services(settings, workers), settings.data / "logs", say)
            say(
                f"running. Kafka {settings.kafka}, HTTP {settings.public_url}, data and logs in {settings.data}. "
                "Ctrl-C stops it."
            )
            status = asyncio.run(machine.supervise(supervisor, kafka, say))
    say("stopped.")
    sys.exit(status)

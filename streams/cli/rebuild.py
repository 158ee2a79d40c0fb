"""`recado rebuild`: state and read model again, from the journal alone."""

from __future__ import annotations

import sys

import click

from streams.cli.refusal import Refused


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask, on a terminal; nobody else is asked.")
def rebuild(yes: bool) -> None:
    """Throw state and read model away and make them again from the journal. Nothing is sent or decided anew.

    No worker, read model or `recado up` may run meanwhile: stop them first. An interrupted rebuild is begun again by
    the next one, or by the workers when they start.

    \b
    Example:  recado rebuild
    """
    import asyncio

    from connectors.kafka.admin import Admin
    from connectors.readmodel.consumer import JournalReader
    from connectors.readmodel.database import open_database, reset
    from connectors.state import destroy
    from events.topics import Role, name
    from streams.app import group_id
    from streams.cli import machine, place
    from streams.rebuild import rebuild_readmodel, rebuild_state

    given = place.settings()
    if not yes and sys.stdin.isatty():  # a script that calls it means it
        click.confirm("State and read model are made again from the journal. Go on?", abort=True)
    with machine.held(given.data), machine.broker(given, click.echo) as (settings, _):
        with Admin(settings.kafka or "", settings.security) as admin:
            members = admin.members(group_id(settings.topic_prefix))
            if members:
                raise Refused(f"{members} worker(s) run: stop all workers (and `recado up`) first, then rebuild.")
            admin.delete([name(settings.topic_prefix, Role.STATE)])
            admin.ensure(settings.topic_prefix, settings.partitions, settings.replication, embedded=settings.embedded)
            ends = admin.end_offsets([name(settings.topic_prefix, Role.JOURNAL)], committed=True)
        for copy in sorted((settings.data / "workers").glob("*.state")):
            destroy(copy)
        facts = asyncio.run(
            rebuild_state(settings, lambda partition, count: click.echo(f"partition {partition}: {count:,} facts"))
        )
        engine = open_database(settings.database)
        reset(engine)
        journal = JournalReader(engine, name(settings.topic_prefix, Role.JOURNAL), place.client(settings))
        asyncio.run(rebuild_readmodel(settings, journal, {partition: end for (_, partition), end in ends.items()}))
        engine.dispose()
    click.echo(f"State and read model are made again from {facts:,} facts. Start `recado up`, or your workers.")

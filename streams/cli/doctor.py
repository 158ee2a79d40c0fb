"""`recado doctor`: looks at everything Recado needs, and says what to do about what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from streams.cli.printing import as_json, emit
from streams.cli.standing import Finding, unknowns, waits

if TYPE_CHECKING:
    from connectors.carriers.base import NotListed, Page
    from events.account import Connector
    from projections.account import Directory
    from streams.settings import Settings

_PATIENCE = 5.0  # seconds for a provider's answer
_SAFE_REPLICATION = 3  # with min.insync.replicas 2, one broker may be away


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Check settings, broker, topics, database and the accounts' connectors. Exit status 1 if something is wrong.

    \b
    Example:  recado doctor
    """
    found = []
    for finding in _examine():
        found.append(finding)
        if not as_json:
            mark = {True: "ok    ", False: "WRONG ", None: "note  "}[finding.well]
            click.echo(f"{mark} {finding.about}: {finding.words}")
    wrong = sum(finding.well is False for finding in found)
    if as_json:
        emit({"well": not wrong, "findings": [finding._asdict() for finding in found]})
    elif not wrong:
        click.echo("All is well.")
    sys.exit(1 if wrong else 0)


def _examine() -> Iterator[Finding]:
    import os

    from streams.settings import Settings, unknown

    settings = Settings.from_env(os.environ)  # a wrong one ends here, in one line
    for name in unknown(os.environ):
        yield Finding(None, name, "is no setting of Recado and is ignored: is it misspelt?")
    yield Finding(True, "settings", f"data in {settings.data}, HTTP at {settings.public_url}")
    yield from _looked_at("secret", lambda: _secret(settings))
    broker = list(_looked_at("broker", lambda: _broker(settings)))
    yield from broker
    if all(finding.well is not False for finding in broker):
        yield from _looked_at("accounts", lambda: _connectors(settings))
    yield from _looked_at("database", lambda: _database(settings))


def _looked_at(about: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of one look; an error that a person can mend is a finding too."""
    from streams.cli.refusal import Refused, explain

    try:
        yield from look()
    except Refused as refused:
        yield Finding(False, about, refused.message)
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        yield Finding(False, about, sentence)


def _secret(settings: Settings) -> Iterator[Finding]:
    if settings.given_secret is None and settings.kafka is None:
        path = settings.data / "secret"
        kept = "is kept there" if path.exists() else "will be made there at the first start"
        yield Finding(True, "secret", f"RECADO_SECRET is unset; {path}: it {kept}. Keep a copy: sealed tokens need it")
    else:
        settings.secret()
        yield Finding(True, "secret", "RECADO_SECRET is 32 bytes")


def _connectors(settings: Settings) -> Iterator[Finding]:
    import asyncio

    from streams.cli import place

    accounts = place.directory(place.located(settings))
    secret = settings.secret()
    answers = asyncio.run(_asked(accounts, secret, settings.public_url))
    for name in accounts.names():
        account = accounts.account(name)
        connector = account.connector if account is not None else None
        if connector is None or connector.sealed_token is None:
            remedy = f"`recado account set {name} --token-file FILE`"
            yield Finding(None, f"account {name}", f"has no connector, so all its sends are skipped: {remedy}")
        else:
            yield from _connector(secret, name, "", connector, answers.get((name, False)))
        if account is not None and account.fallback is not None:
            yield from _connector(secret, name, "fallback: ", account.fallback, answers.get((name, True)))


async def _asked(accounts: Directory, secret: bytes, public_url: str) -> dict[tuple[str, bool], Page | NotListed]:
    """What each connector's provider says to a question for the newest SMS in its list, which sends nothing; by account
    and whether it is the second connector."""
    import asyncio
    import logging

    from connectors.carriers.connections import Connections
    from events.shape import Class
    from streams.provider import AccountProvider

    asked: list[tuple[str, bool, Connector]] = []
    for name in accounts.names():
        account = accounts.account(name)
        for fallback in (False, True):
            connector = None if account is None else account.fallback if fallback else account.connector
            if connector is not None and connector.sealed_token is not None:
                asked.append((name, fallback, connector))
    log = logging.getLogger("streams.provider")
    log.addFilter(_silent)  # a connector that cannot be used is a finding, and need not be in the log
    try:
        async with Connections(total_timeout=_PATIENCE) as connections:
            pools: dict[Class, Connections] = {"transactional": connections, "newsletter": connections}
            provider = AccountProvider(accounts, secret, pools, public_url)
            pages = (provider.page(name, of.provider, fallback, None, 0) for name, fallback, of in asked)
            answers = await asyncio.gather(*pages)
    finally:
        log.removeFilter(_silent)
    return {(name, fallback): answer for (name, fallback, _), answer in zip(asked, answers, strict=True)}


def _silent(_: object) -> bool:
    return False


def _connector(
    secret: bytes, name: str, which: str, connector: Connector, answer: Page | NotListed | None
) -> Iterator[Finding]:
    from connectors.carriers.base import NotListed
    from connectors.sealing import Unsealable, unseal
    from connectors.tokens import PURPOSE
    from streams.cli.account import IN_CLEAR

    about = f"account {name}"
    try:
        unseal(secret, PURPOSE, name, connector.sealed_token or "")
    except Unsealable as error:
        yield Finding(False, about, f"{which}{error}")
    else:
        at = f"{which}its token can be opened; the provider at {connector.base_url}"
        if not isinstance(answer, NotListed):
            yield Finding(True, about, f"{at} takes it")
        elif answer.scope == "account":
            remedy = f"`recado account set {name}` with the token, and the base URL, that it shows you"
            yield Finding(False, about, f"{at} does not take it ({answer.message}): {remedy}")
        elif answer.scope == "rate":
            yield Finding(True, about, f"{at} answers, and asks to be asked less often")
        else:
            remedy = "sends wait, and go on by themselves once it answers; see its base URL, and this machine's network"
            yield Finding(None, about, f"{at} does not answer ({answer.message}): {remedy}")
    if connector.exposed:
        yield Finding(None, about, f"{which}{IN_CLEAR}")


def _broker(settings: Settings) -> Iterator[Finding]:
    from connectors.kafka.admin import Admin
    from events.topics import Role, name
    from streams.cli import place

    located = place.located(settings)
    with Admin(located.kafka or "", located.security) as admin:
        brokers = admin.brokers()
        yield Finding(True, "broker", f"Kafka answers at {located.kafka}, {brokers} broker{'s' if brokers > 1 else ''}")
        problems = admin.unfit(located.topic_prefix, located.partitions, embedded=located.embedded)
        for problem in problems:
            remedy = ": run `recado up` or a worker, which make it" if problem.endswith("does not exist") else ""
            yield Finding(False, "topics", problem + remedy)
        if not problems:
            yield Finding(True, "topics", f"all there, {located.partitions} partitions each")
            if admin.holds_records(name(located.topic_prefix, Role.DEAD_LETTERS)):
                shown = "`recado dead-letters list` shows what could not be read, and why"
                yield Finding(None, "dead letters", f"there are some: {shown}")
        states = admin.describe(located.topic_prefix).values()
        least = min((state.replication for state in states), default=0)
        if states and not located.embedded and least < _SAFE_REPLICATION:
            yield Finding(
                None,
                "topics",
                f"have {least} replica{'s' if least > 1 else ''}: in production give them {_SAFE_REPLICATION}, with "
                "min.insync.replicas 2, or the loss of one disk is the loss of history",
            )


def _database(settings: Settings) -> Iterator[Finding]:
    from pathlib import Path

    from connectors.readmodel.database import check, open_database

    engine = open_database(settings.database)
    shown = engine.url.render_as_string(hide_password=True)
    makes = "`recado up` or `recado readmodel` makes it"
    try:
        sqlite = engine.url.get_backend_name() == "sqlite"
        if sqlite and engine.url.database and not Path(engine.url.database).exists():
            yield Finding(None, "database", f"{shown} does not exist yet: {makes}")
        elif check(engine):
            yield Finding(True, "database", f"{shown} answers, its schema is of this version")
            yield from waits(engine)
            yield from unknowns(engine)
        else:
            yield Finding(None, "database", f"{shown} answers, and holds no read model yet: {makes}")
    finally:
        engine.dispose()

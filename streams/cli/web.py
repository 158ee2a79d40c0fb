"""Ingress and API in one process: what `recado http` serves."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack

from aiohttp import web
from sqlalchemy import Engine

from connectors.clock import SystemClock
from connectors.credentials import callback_secret, link_key, mac_key, wrapping_key
from connectors.http import openapi, problems
from connectors.http.accounts import Accounts
from connectors.http.bearer import KnownKeys
from connectors.http.cloudevents import CloudEvents
from connectors.http.commands import Commands
from connectors.http.imports import Imports
from connectors.http.ingress import Ingress, health, runner
from connectors.http.links import ShortLinks
from connectors.http.metrics import Metrics
from connectors.http.opt_out import OptOutPage
from connectors.http.queries import build_queries
from connectors.http.tag import Tag
from connectors.kafka.accounts import AccountsReader
from connectors.kafka.appender import KafkaAppender
from connectors.kafka.outbox import Outbox
from connectors.readmodel.database import open_database, prepare
from connectors.readmodel.keys import Unsealer
from events.contact import Subscription
from events.topics import Role, name
from projections.account import Directory
from projections.keyring import Keyring
from streams.cli import place
from streams.cli.place import client
from streams.cli.services import until_stopped
from streams.settings import Settings

_OPENING = 10.0  # seconds that the start waits for the broker; afterwards the ingress answers 503 until it is there


def serve(settings: Settings, *, ingress: bool, api: bool) -> None:
    """Serve until SIGINT or SIGTERM. `settings` must be located. Raises what `recado` explains in a line."""
    asyncio.run(until_stopped(_serve(settings, ingress=ingress, api=api)))


async def _serve(settings: Settings, *, ingress: bool, api: bool) -> None:
    metrics = Metrics(lambda: appender.ready)
    app = web.Application(middlewares=[metrics.middleware, problems.middleware])
    async with AsyncExitStack() as stack:
        appender = KafkaAppender(client(settings))
        stack.push_async_callback(appender.close)
        partitions = await asyncio.to_thread(place.partitions, settings)
        directory = Directory()
        accounts = AccountsReader(name(settings.topic_prefix, Role.ACCOUNTS), client(settings), directory)
        await accounts.open()
        stack.push_async_callback(accounts.close)
        reading = asyncio.create_task(accounts.run())  # ends only with a fault, which ends the service
        stack.callback(reading.cancel)
        await accounts.caught_up()  # before: nobody knows whose values are to be sealed
        seals = place.seals(settings)
        if ingress:
            receiving = _ingress(settings, appender, partitions)
            receiving.sealed, receiving.seals = lambda: directory.sealed, seals
            metrics.callbacks = receiving.counts
            app.add_routes(receiving.routes())
            app.add_routes(_opt_out(settings, appender, partitions).routes())
        if api:
            engine = open_database(settings.database)
            stack.callback(engine.dispose)
            await asyncio.to_thread(prepare, engine)
            app.add_routes(_queries(settings, engine, directory))
            outbox = Outbox(appender, settings.topic_prefix, partitions, sealed=lambda: directory.sealed, seals=seals)
            app.add_routes(_commands(settings, outbox, directory))
            app.add_routes(_accounts(settings, outbox, accounts).routes())
            app.add_routes(openapi.routes())
            app.add_routes(_short_links(settings, outbox, engine).routes())
            metrics.settings_version = lambda: accounts.version
        await appender.open(_OPENING)
        app.add_routes([*health(lambda: appender.ready), *metrics.routes()])
        served = runner(app)
        await served.setup()
        stack.push_async_callback(served.cleanup)
        await web.TCPSite(served, settings.http.host, settings.http.port, backlog=1_024).start()
        await reading


def _short_links(settings: Settings, outbox: Outbox, engine: Engine) -> ShortLinks:
    keys = Keyring(wrapping_key(settings.secret()))
    return ShortLinks(outbox, engine, SystemClock().now, lambda: uuid.uuid4().hex, Unsealer(engine, lambda: keys))


def _ingress(settings: Settings, appender: KafkaAppender, partitions: int) -> Ingress:
    secret = settings.secret()
    return Ingress(
        appender=appender,
        topic=name(settings.topic_prefix, Role.CALLBACKS),
        partitions=partitions,
        secrets=lambda account: (callback_secret(secret, account),),
        mac_key=mac_key(secret),
        clock=SystemClock().now,
    )


def _opt_out(settings: Settings, appender: KafkaAppender, partitions: int) -> OptOutPage:
    return OptOutPage(
        appender=appender,
        topic=name(settings.topic_prefix, Role.CALLBACKS),
        partitions=partitions,
        key=link_key(settings.secret()),
        clock=SystemClock().now,
    )


def _queries(settings: Settings, engine: Engine, directory: Directory) -> list[web.RouteDef]:
    def default_subscription(account: str, moment: int | None) -> Subscription:
        found = directory.account(account)
        return "none" if found is None else found.default_at(moment)

    return build_queries(engine, settings.secret(), default_subscription)


def _accounts(settings: Settings, outbox: Outbox, reader: AccountsReader) -> Accounts:
    clock, secret = SystemClock().now, settings.secret()
    return Accounts(outbox, secret, clock, lambda: uuid.uuid4().hex, reader.directory, reader.caught_up)


def _commands(settings: Settings, outbox: Outbox, directory: Directory) -> list[web.RouteDef]:
    secret, clock = settings.secret(), SystemClock().now
    commands = Commands(outbox, secret, clock, lambda: uuid.uuid4().hex)

    def country(account: str) -> str | None:
        found = directory.account(account)
        if found is None:
            raise KeyError(account)
        return found.country

    imports = Imports(outbox, secret, clock, country)
    tag = Tag(outbox, secret, clock, settings.proxies)
    events = CloudEvents(outbox, secret, KnownKeys(secret, directory.names), directory)
    return [*commands.routes(), *events.routes(), *imports.routes(), *tag.routes()]

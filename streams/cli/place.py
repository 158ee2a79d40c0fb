"""Where this Recado is: its settings, its broker, and whether its HTTP port is free."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from connectors.kafka import owner_lock
from connectors.kafka.errors import BrokerUnavailable
from events.topics import Role, name
from streams.cli.refusal import Refused
from streams.settings import Listen, Settings, unknown

if TYPE_CHECKING:
    from connectors.kafka.inbox_keys import InboxSeals
    from projections.account import Directory


def settings() -> Settings:
    """The settings of the environment; a misspelt one is told on standard error. Raises SettingError."""
    for misspelt in unknown(os.environ):
        click.echo(f"{misspelt} is no setting of Recado and is ignored (`recado doctor` lists them all).", err=True)
    return Settings.from_env(os.environ)


def located(given: Settings) -> Settings:
    """The same settings with the broker's address: RECADO_KAFKA, or the embedded one that runs on RECADO_DATA.

    Raises BrokerUnavailable where there is neither.
    """
    if given.kafka is not None:
        return given
    bootstrap = owner_lock.running(given.data)
    if bootstrap is None:
        raise BrokerUnavailable(
            f"RECADO_KAFKA is unset and no embedded Kafka runs on {given.data}",
            "run `recado up` in another terminal, or set RECADO_KAFKA to the bootstrap servers of yours",
        )
    return replace(given, kafka=bootstrap)


def client(given: Settings) -> dict[str, Any]:
    """Keyword arguments for a Kafka client (aiokafka or kafka-python). `given` must be located."""
    if given.kafka is None:
        raise ValueError("these settings name no broker: pass them through located()")
    return {"bootstrap_servers": given.kafka.split(","), **given.security.arguments()}


def seals(given: Settings) -> InboxSeals:
    """What seals events before they are written, for accounts whose privacy is `sealed`. `given` must be located."""
    from connectors.clock import SystemClock
    from connectors.credentials import mac_key, wrapping_key
    from connectors.kafka.inbox_keys import InboxSeals

    secret = given.secret()
    topic = name(given.topic_prefix, Role.INBOX_KEYS)
    return InboxSeals(topic, client(given), wrapping_key(secret), mac_key(secret), SystemClock().now)


def records(given: Settings, role: Role) -> Iterator[Any]:
    """Every committed record that a topic holds now, as aiokafka gives it, partition by partition; then the end.

    `given` must be located. Raises BrokerUnavailable; where the topic does not exist, Refused.
    """
    from connectors.kafka.admin import Admin
    from connectors.kafka.whole import committed

    topic = name(given.topic_prefix, role)
    with Admin(given.kafka or "", given.security) as admin:
        found = admin.describe(given.topic_prefix).get(role)
    if found is None:
        raise Refused(f"The topic {topic} does not exist yet: run `recado up`, or look with `recado doctor`.")
    yield from committed(topic, found.partitions, client(given))


def directory(given: Settings) -> Directory:
    """All accounts as recado.accounts tells them now. Raises as `records`."""
    from events.codec import decode_input
    from events.envelope import Undecodable
    from projections.account import Directory

    found = Directory()
    for record in records(given, Role.ACCOUNTS):
        try:
            found.evolve(decode_input(Role.ACCOUNTS, record.value), record.offset)
        except Undecodable:  # the engine passes over it, too, and says so
            found.skip(record.offset)
    return found


def partitions(given: Settings) -> int:
    """How many the co-partitioned topics really have: an event belongs where its contact's state is. Raises as
    `records`."""
    from connectors.kafka.admin import Admin

    with Admin(given.kafka or "", given.security) as admin:
        topic = admin.describe(given.topic_prefix).get(Role.CONTACTS)
    if topic is None:
        raise Refused("The topics of Recado do not exist yet: start a worker or `recado up`, which make them.")
    return topic.partitions


def require_free(listen: Listen, setting: str = "RECADO_HTTP") -> None:
    """Raises Refused where another process listens at this address already, or it is none of this machine."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
        except OSError as error:
            where = f"{listen.host}:{listen.port}"
            raise Refused(
                f"{where} cannot be listened at ({error.strerror}): stop what uses it, or set {setting} otherwise."
            ) from error


def free_port(preferred: int = 0) -> int:
    """A port of this machine that is free now: the preferred one if it can be had."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Refused("No free port is left on this machine: stop something that listens.")

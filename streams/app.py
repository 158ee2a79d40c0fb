"""One worker, put together: the only place where the engine, the sender and the world's ports meet."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from connectors.carriers.connections import Connections
from connectors.clock import SystemClock
from connectors.credentials import link_key, mac_key, number_key, wrapping_key
from connectors.kafka.accounts import AccountsReader
from connectors.kafka.admin import Admin
from connectors.kafka.answers import AnswersTopic
from connectors.kafka.errors import BrokerUnavailable
from connectors.kafka.inbox_keys import InboxKeys
from connectors.kafka.inbox_sweep import InboxSweep
from connectors.ports import Fenced, MachineryFault
from events import topics
from events.cipher import KEY_BYTES
from events.shape import Class
from events.topics import Role
from projections import keyspace
from projections.account import Directory
from projections.keyring import Keyring
from streams import interpreter, lifetime
from streams.allowance import Ledger
from streams.deciders.request import Links
from streams.engine.application import Membership, build_app
from streams.engine.engine import Engine
from streams.engine.wiring import Wiring
from streams.gate import Gates, PartitionGate
from streams.intake import Limits
from streams.provider import AccountProvider
from streams.sender import CONNECTIONS, Sender
from streams.settings import Settings
from streams.shares import ShareGate
from streams.sweeper import LOOK_EVERY, Sweeper
from streams.unsettled import Owned
from streams.worker_name import WorkerName, claim
from streams.workflow import SendingWorkflow

log = logging.getLogger(__name__)

FAULT = 70  # exit status of a worker that stopped for a fault of the machinery


def group_id(prefix: str) -> str:
    """The consumer group, and the root of the transactional ids: the topic prefix without its dot."""
    return prefix.rstrip(".")


def end_process(exc: BaseException) -> None:
    """A fault of the machinery: say what happened and be gone, as surely as by kill -9. A fenced worker starts again.

    Nothing is flushed or finished on purpose: what was not committed is done again by whoever owns the partition.
    """
    log.critical(
        "the worker stops: %s", str(exc) or type(exc).__name__, exc_info=None if isinstance(exc, Fenced) else exc
    )
    logging.shutdown()
    sys.stdout.flush()
    if isinstance(exc, Fenced):
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very program, with its own arguments
    os._exit(FAULT)


class Worker:
    """A worker's parts. `start` returns once partitions are owned or the group has given it none."""

    def __init__(self, settings: Settings, name: str, fatal: Any = end_process) -> None:
        self.settings = settings
        self.name = name
        self._fatal = fatal
        self._stopping = False
        prefix = settings.topic_prefix
        self.topics = {role: topics.name(prefix, role) for role in Role}
        self.client = {"bootstrap_servers": settings.kafka, **settings.security.arguments()}
        self.directory = Directory()
        self.clock = SystemClock()
        self.connections: Mapping[Class, Connections] = {
            "transactional": Connections(limit=CONNECTIONS),
            "newsletter": Connections(limit=CONNECTIONS),
        }

    async def run(self) -> None:
        """Run until a signal ends it. Before it is a member of the group it owns nothing, and ends at once."""
        lifetime.on_signal(self._leave)
        settings = self.settings
        secret = settings.secret()
        ids = await asyncio.to_thread(_topics, settings)
        accounts = AccountsReader(self.topics[Role.ACCOUNTS], self.client, self.directory)
        answers = AnswersTopic(self.topics[Role.ANSWERS], self.client)
        provider = AccountProvider(self.directory, secret, self.connections, settings.public_url)
        gates = Gates(lambda: len(self.engine.running) / settings.partitions)
        sender = Sender(
            provider=provider,
            answers=answers,
            lease=self,
            clock=self.clock,
            spawn=self._spawn,
            failed=self._fail,
            hearing=gates,
            several=self.directory.several,
        )
        key, links = mac_key(secret), Links(link_key(secret), settings.public_url)
        wrapping, numbers = wrapping_key(secret), number_key(secret)
        inbox = InboxKeys(self.topics[Role.INBOX_KEYS], self.client, wrapping, key)
        wiring = Wiring(
            topics=self.topics,
            topic_ids={role.value: ids[name] for role, name in self.topics.items()},
            client=self.client,
            transactional_prefix=group_id(settings.topic_prefix),
            workflow=lambda partition: SendingWorkflow(
                partition,
                settings.partitions,
                self.directory,
                key,
                lambda: accounts.version,
                links,
                ShareGate(sender, PartitionGate(gates)),
                keys=Keyring(wrapping, numbers, lambda _: os.urandom(KEY_BYTES)),
                opener=inbox.open,
                allowance=ledger.of(partition),
            ),
            encode=keyspace.encode,
            decode=keyspace.decode,
            lanes=sender,
            busy=lambda: sender.busy,
            clock=self.clock,
            settings=accounts,
            limits=Limits(patience=settings.transactional_wait),
        )
        engine = self.engine = Engine(wiring, self._end)
        ledger = Ledger(settings.partitions, engine.views, engine.wake_all)
        sender.freed = engine.freed
        sender.give_way = engine.precedence.stand_still
        owned = Owned(engine.views, key, self.clock)
        sweeper = Sweeper(provider, answers, self.clock, self._spawn, self._fail, owned.unsettled, owned.overdue)
        accounts.changed = engine.settings_changed
        inbox.changed = engine.wake_all
        self._tasks: set[asyncio.Task[Any]] = set()
        app = self.app = build_app(
            engine,
            Membership(
                group=group_id(settings.topic_prefix),
                worker=self.name,
                bootstrap=settings.kafka or "",
                data=settings.data / "workers" / f"{self.name}.state",
                partitions=settings.partitions,
                credentials=settings.security.faust(),
            ),
        )
        async with self.connections["transactional"], self.connections["newsletter"]:
            await accounts.open()
            await inbox.start()
            await answers.open()
            await engine.open()
            reading = asyncio.create_task(self._guard(accounts.run()))
            sweeping = asyncio.create_task(self._guard(_sweep(sweeper)))
            unlocking = asyncio.create_task(self._guard(inbox.run()))
            forgetting = asyncio.create_task(self._guard(self._inbox_sweep(inbox).run()))
            try:
                await lifetime.live(app, lambda: not engine.running, self._overdue, told=self._stop)
            finally:
                reading.cancel()
                unlocking.cancel()
                forgetting.cancel()
                sweeping.cancel()
                await engine.close()
                await answers.close()
                await inbox.stop()
                await accounts.close()

    def _inbox_sweep(self, inbox: InboxKeys) -> InboxSweep:
        named = self.topics
        inputs = [named[role] for role in (Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER, Role.CALLBACKS)]
        return InboxSweep(
            inbox, named[Role.INBOX_KEYS], self.client, inputs, self.settings.partitions,
            group_id(self.settings.topic_prefix), self.clock.now, lambda: 0 in self.engine.running,
        )  # fmt: skip

    def _stop(self) -> None:
        self._stopping = True

    def _end(self, exc: BaseException) -> None:
        """A fault of the machinery. Who was fenced while it stops does not start again."""
        if self._stopping and isinstance(exc, Fenced):
            self._leave()
        self._fatal(exc)

    def _overdue(self) -> None:
        """The stop takes too long: nothing is lost by ending at once, as by kill -9."""
        if self.engine.running:
            self._fatal(MachineryFault("the partitions could not be handed over in time: does the broker answer?"))
        self._leave()

    def _leave(self) -> None:
        log.warning("stopped at once: nothing is owned")
        logging.shutdown()
        os._exit(0)

    async def _guard(self, task: Any) -> None:
        try:
            await task
        except asyncio.CancelledError:
            raise
        except BaseException as exc:  # noqa: BLE001 - ends the process
            self.engine.fatal(exc)

    def _fail(self, exc: BaseException) -> None:
        self.engine.fatal(exc)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def holds(self, partition: int, tenure: int) -> bool:
        """ports.Lease, asked right before each call."""
        return self.engine.holds(partition, tenure)


async def _sweep(sweeper: Sweeper) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY / 1000)
        sweeper.look()


def _topics(settings: Settings) -> dict[str, str]:
    """Name to id of the topics, made where they are missing: a worker may be the first process on a new cluster."""
    with Admin(settings.kafka or "", settings.security) as admin:
        admin.ensure(settings.topic_prefix, settings.partitions, settings.replication, embedded=settings.embedded)
        return admin.topic_ids(settings.topic_prefix)


def run_worker(settings: Settings) -> None:
    """Be one worker until SIGTERM. Raises SettingError or BrokerUnavailable before anything is started."""
    name: WorkerName = claim(settings.data, settings.worker)
    with name:
        worker = Worker(settings, name.name)
        interpreter.settle()
        try:
            asyncio.run(worker.run())
        except KafkaError as exc:
            raise BrokerUnavailable(
                f"Kafka at {settings.kafka} cannot be reached ({type(exc).__name__})", "check RECADO_KAFKA"
            ) from exc


def partitions_of(worker: Worker) -> Sequence[int]:
    """What it owns now."""
    return tuple(worker.engine.running)

"""The Faust application around an engine: app, agent, table, worker. Made by a function, never at import."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import faust
from faust.types import TP

from connectors.ports import MachineryFault
from events.topics import Role
from streams.engine.consumer import BatchSchema, EngineConsumer, EngineTransport
from streams.engine.engine import LAG_EVERY, Engine
from streams.engine.recovery import PartitionTables
from streams.engine.table import PartitionStores, StateTable

log = logging.getLogger(__name__)

SESSION_SECONDS = 10.0  # static membership: a restart within it costs no rebalance, a death is noticed after it


@dataclass(frozen=True, slots=True)
class Membership:
    """Who this worker is in the consumer group, and where it keeps its local state."""

    group: str
    worker: str
    bootstrap: str
    data: Path
    partitions: int
    session_seconds: float = SESSION_SECONDS
    fetch_bytes: int = 1024 * 1024
    credentials: Any = None


class EngineApp(faust.App):
    """A Faust app that knows its engine; stops by handing its partitions over."""

    engine: Engine

    async def crash(self, reason: BaseException) -> None:
        """Faust would go on with the other services; a worker of ours does not outlive a part of itself."""
        self.engine.fatal(reason)
        await super().crash(reason)

    async def on_stop(self) -> None:
        # Calls under way are answered first; then the member leaves, so that another takes over at once.
        await self.engine.retire()
        consumer = self._consumer
        if isinstance(consumer, EngineConsumer):
            await consumer._thread.leave_on_close()
        await super().on_stop()


def build_app(engine: Engine, membership: Membership) -> EngineApp:
    """A Faust application that feeds `engine`. Opens no connection before it is started."""
    wiring = engine.wiring
    app = EngineApp(
        membership.group,
        broker=[f"kafka://{server}" for server in membership.bootstrap.split(",")],
        broker_credentials=membership.credentials,
        store="memory://",
        datadir=str(membership.data),
        web_enabled=False,  # Faust's own port would collide between two workers, and /table shows state to anyone
        web_tables_enabled=False,
        canonical_url=f"http://{membership.worker}",
        autodiscover=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        consumer_group_instance_id=membership.worker,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=membership.fetch_bytes,
        broker_session_timeout=membership.session_seconds,
        broker_heartbeat_interval=0.3,  # a planned hand-over is heard of within it
        broker_rebalance_timeout=30.0,
        broker_request_timeout=max(40.0, membership.session_seconds + 5),
        stream_wait_empty=False,
        TableManager=PartitionTables,
    )
    app.transport = EngineTransport(app.conf.broker_consumer, app, loop=app.loop)
    app.engine = engine
    schema = BatchSchema()
    inputs = app.topic(*(wiring.topics[role] for role in wiring.inputs), schema=schema, acks=False)
    table = StateTable(
        app,
        membership.data / "state",
        name="state",
        partitions=membership.partitions,
        changelog_topic=app.topic(wiring.topics[Role.STATE], partitions=membership.partitions, compacting=True),
    )
    app.tables.add(table)
    engine.stores = cast("PartitionStores", table.data)

    async def deliver(batches: Any) -> None:
        async for batch in batches:
            try:
                engine.accept(batch)
            except Exception as exc:  # Faust would drop the batch and start the agent anew
                engine.fatal(exc)
                raise

    app.agent(inputs, name="recado.inputs")(deliver)

    @app.on_partitions_revoked.connect(weak=False)
    async def give_up(_: Any, revoked: set[TP], **__: Any) -> None:
        await engine.release()

    @app.on_partitions_assigned.connect(weak=False)
    async def join(_: Any, assigned: set[TP], **__: Any) -> None:
        engine.members = cast("EngineConsumer", app.consumer)._thread

    async def show_lag() -> None:
        consumer = app.consumer
        if not isinstance(consumer, EngineConsumer) or engine.retired:
            return
        dead = consumer._thread.dead()
        if dead is not None:
            engine.fatal(MachineryFault(f"Kafka's client has stopped its task for {dead}: the worker would hang"))
        positions = engine.lag_positions()
        if positions and not engine.suspended:
            await consumer._thread.show_positions(positions)

    app.timer(LAG_EVERY)(show_lag)

    return app

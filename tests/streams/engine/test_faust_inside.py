"""What streams/engine leans on inside Faust, mode and aiokafka, name by name: who changes one fails by it."""

import inspect
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, cast

import aiokafka
import faust
import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.fetcher import READ_COMMITTED, Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, Subscription, SubscriptionState, TopicPartitionState
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import _DefaultRecordBatchPy
from faust.assignor.partition_assignor import PartitionAssignor
from faust.stores.base import Store
from faust.tables import Table
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import ConsumerMessage
from mode.services import Service, ServiceTask

from events.topics import Role
from streams.engine.consumer import EngineConsumer
from streams.engine.recovery import EngineRecovery
from tests.streams.engine.in_process import Cluster, InProcess, play

COROUTINE, FUNCTION, PROPERTY, TASK, CLASS = "coroutine function", "function", "property", "service task", "class"


class Leaned(NamedTuple):
    """One name: what it is, its parameters without self, and whether the engine overrides it or only uses it."""

    owner: Any
    name: str
    kind: str
    parameters: str = ""
    first: bool = False  # only the first ones are leaned on; more may follow


LEANED = [
    # --- overridden: called by Faust with these parameters ---------------------------------------------------------
    Leaned(driver.AIOKafkaConsumerThread, "_create_worker_consumer", FUNCTION, "transport"),
    Leaned(driver.AIOKafkaConsumerThread, "on_start", COROUTINE),
    Leaned(driver.AIOKafkaConsumerThread, "on_partitions_assigned", COROUTINE, "assigned generation_id"),
    Leaned(driver.AIOKafkaConsumerThread, "close", FUNCTION),
    Leaned(driver.Consumer, "_new_consumer_thread", FUNCTION),
    Leaned(driver.Consumer, "_drain_messages", COROUTINE, "fetcher"),
    Leaned(driver.Consumer, "_new_offset", FUNCTION, "tp"),
    Leaned(driver.Consumer, "_add_gap", COROUTINE, "tp offset_from offset_to"),
    Leaned(driver.Consumer, "perform_seek", COROUTINE),
    Leaned(driver.Consumer, "verify_all_partitions_active", COROUTINE),
    Leaned(driver.Transport, "Consumer", CLASS),
    Leaned(faust.Schema, "loads_key", FUNCTION, "app message loads serializer"),
    Leaned(faust.Schema, "loads_value", FUNCTION, "app message loads serializer"),
    Leaned(faust.App, "crash", COROUTINE, "reason"),
    Leaned(faust.App, "on_stop", COROUTINE),
    Leaned(TableManager, "on_start", COROUTINE),
    Leaned(TableManager, "recovery", PROPERTY),
    Leaned(Recovery, "_restart_recovery", TASK),
    Leaned(Recovery, "on_partitions_revoked", FUNCTION, "revoked"),
    Leaned(Table, "_new_store", FUNCTION),
    Leaned(Store, "persisted_offset", FUNCTION, "tp"),
    Leaned(Store, "set_persisted_offset", FUNCTION, "tp offset"),
    Leaned(Store, "need_active_standby_for", COROUTINE, "tp"),
    Leaned(Store, "apply_changelog_batch", FUNCTION, "batch to_key to_value"),
    Leaned(Store, "reset_state", FUNCTION),
    Leaned(Store, "backup_partition", COROUTINE, "tp flush purge keep"),
    Leaned(Store, "restore_backup", FUNCTION, "tp latest backup_id"),
    Leaned(Store, "on_rebalance", COROUTINE, "assigned revoked newly_assigned generation_id"),
    Leaned(Store, "on_recovery_completed", COROUTINE, "active_tps standby_tps"),
    # --- used ------------------------------------------------------------------------------------------------------
    Leaned(driver.AIOKafkaConsumerThread, "_ensure_consumer", FUNCTION),
    Leaned(driver.Consumer, "should_stop", PROPERTY),
    Leaned(faust.App, "assignor", PROPERTY),
    Leaned(faust.App, "tables", PROPERTY),
    Leaned(faust.App, "topic", FUNCTION, "topics", first=True),
    Leaned(faust.App, "agent", FUNCTION, "channel name", first=True),
    Leaned(faust.App, "timer", FUNCTION, "interval", first=True),
    Leaned(PartitionAssignor, "assigned_actives", FUNCTION),
    Leaned(TableManager, "_update_channels", COROUTINE),
    Leaned(TableManager, "add", FUNCTION, "table"),
    Leaned(Recovery, "signal_recovery_start", PROPERTY),
    Leaned(Recovery, "_set_recovery_started", FUNCTION),
    Leaned(Recovery, "_wait", COROUTINE, "coro timeout"),
    Leaned(Recovery, "on_recovery_completed", COROUTINE, "generation_id"),
    Leaned(Service, "wait_for_stopped", COROUTINE, "coros timeout"),
    Leaned(
        ConsumerMessage,
        "__init__",
        FUNCTION,
        "topic partition offset timestamp timestamp_type headers key value checksum serialized_key_size "
        "serialized_value_size tp time_in time_out time_total generation_id",
    ),
    Leaned(Fetcher, "fetched_records", COROUTINE, "partitions timeout", first=True),
    Leaned(Fetcher, "_create_fetch_waiter", FUNCTION),
    Leaned(SubscriptionState, "fetch_context", FUNCTION),
    Leaned(SubscriptionState, "reassignment_in_progress", PROPERTY),
    Leaned(SubscriptionState, "subscription", PROPERTY),
    Leaned(Subscription, "assignment", PROPERTY),
    Leaned(Assignment, "tps", PROPERTY),
    Leaned(Assignment, "active", PROPERTY),
    Leaned(Assignment, "state_value", FUNCTION, "tp"),
    Leaned(TopicPartitionState, "has_valid_position", PROPERTY),
    Leaned(TopicPartitionState, "position", PROPERTY),
    Leaned(GroupCoordinator, "_do_heartbeat", COROUTINE),
    Leaned(AIOKafkaConnection, "send", FUNCTION, "request expect_response"),
    Leaned(AIOKafkaConnection, "_send_sasl_token", FUNCTION, "payload expect_response"),
    Leaned(AIOKafkaConnection, "close", FUNCTION, "reason exc"),
    Leaned(aiokafka.AIOKafkaConsumer, "seek", FUNCTION, "partition offset"),
    Leaned(aiokafka.AIOKafkaConsumer, "pause", FUNCTION, "partitions"),
    Leaned(aiokafka.AIOKafkaConsumer, "assignment", FUNCTION),
    Leaned(aiokafka.AIOKafkaConsumer, "commit", COROUTINE, "offsets"),
    Leaned(aiokafka.AIOKafkaConsumer, "end_offsets", COROUTINE, "partitions"),
    Leaned(aiokafka.AIOKafkaConsumer, "beginning_offsets", COROUTINE, "partitions"),
    Leaned(aiokafka.AIOKafkaProducer, "create_batch", FUNCTION),
    Leaned(aiokafka.AIOKafkaProducer, "send_batch", COROUTINE, "batch topic partition"),
    Leaned(aiokafka.AIOKafkaProducer, "begin_transaction", COROUTINE),
    Leaned(aiokafka.AIOKafkaProducer, "commit_transaction", COROUTINE),
    Leaned(FetchResult, "has_more", FUNCTION),
    Leaned(PartitionRecords, "_consumer_record", FUNCTION, "tp record"),
    Leaned(PartitionRecords, "_unpack_records", FUNCTION),
    Leaned(PartitionRecords, "__next__", FUNCTION),
    Leaned(_DefaultRecordBatchPy, "_read_msg", FUNCTION, "decode_varint"),
    Leaned(BatchBuilder, "record_count", FUNCTION),
]


@pytest.mark.parametrize("leaned", LEANED, ids=[f"{each.owner.__name__}.{each.name}" for each in LEANED])
def test_a_name_that_the_engine_leans_on_is_what_it_was(leaned: Leaned) -> None:
    found = inspect.getattr_static(leaned.owner, leaned.name)
    if leaned.kind is TASK:
        assert isinstance(found, ServiceTask)
    elif leaned.kind is CLASS:
        assert inspect.isclass(found)
    elif leaned.kind is PROPERTY:
        assert not isinstance(found, FunctionType)
        assert hasattr(type(found), "__get__")
    else:
        assert isinstance(found, FunctionType)
        assert inspect.iscoroutinefunction(found) is (leaned.kind is COROUTINE)
        parameters = list(inspect.signature(found).parameters)[1:]
        expected = leaned.parameters.split()
        assert (parameters[: len(expected)] if leaned.first else parameters) == expected


def test_aiokafka_waits_as_long_as_it_is_told_to_while_markers_are_written() -> None:
    assert "BACKOFF_OVERRIDE" in sender.AddPartitionsToTxnHandler.handle_response.__code__.co_names
    assert sender.BACKOFF_OVERRIDE == 0.005, "connectors/kafka/transaction.py sets it"


def test_a_task_that_is_overridden_takes_the_place_of_fausts() -> None:
    """mode collects a service's tasks by their names: were both run, Faust's own recovery would run beside ours."""
    assert EngineRecovery._tasks is not None
    names = sorted(EngineRecovery._tasks[EngineRecovery._get_class_id()])
    assert [name for name in names if "restart" in name] == ["_restart_recovery"]
    assert inspect.getattr_static(EngineRecovery, "_restart_recovery") is vars(EngineRecovery)["_restart_recovery"]


@pytest.mark.kafka
def test_a_started_worker_has_the_attributes_that_the_engine_reads_and_sets(cluster: Cluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = await InProcess(cluster, "w1", tmp_path).start()
        app, thread = worker.app, worker.thread
        consumer: Any = thread._ensure_consumer()
        assert consumer._fetcher._isolation_level == READ_COMMITTED, "set before the start, read by the start"
        assert consumer._fetcher._fetch_max_wait_ms == 25
        assert consumer._closed is consumer._fetcher._closed is False
        subscriptions = consumer._fetcher._subscriptions
        assert subscriptions is consumer._subscription
        assignment = subscriptions.subscription.assignment
        assert assignment.active
        assert {tp.topic for tp in assignment.tps} == {cluster.topics[Role.CONTACTS], cluster.topics[Role.STATE]}
        coordinator = consumer._coordinator
        assert isinstance(coordinator, GroupCoordinator)
        assert coordinator._group_instance_id == "w1", "a member that leaves sets it to None, and is let go at once"
        assert coordinator._do_heartbeat.__qualname__.startswith("EngineThread"), "the coordinator calls ours"
        assert coordinator._pending_exception is None
        assert not coordinator._coordination_task.done()
        assert not consumer._client._sync_task.done()
        assert not consumer._fetcher._fetch_task.done()
        assert thread.dead() is None
        assert thread.last_beat > 0
        assert thread.thread_loop is consumer._loop
        assert app.consumer is app._consumer
        faust_consumer = cast("EngineConsumer", app.consumer)
        assert faust_consumer._thread is thread
        assert faust_consumer.flow_active is True
        assert callable(faust_consumer.callback)
        assert app.consumer_generation_id == coordinator.generation
        assert sorted({tp.partition for tp in app.assignor.assigned_actives()}) == [0, 1, 2, 3]
        tables: Any = app.tables
        assert type(tables.recovery) is type(tables._recovery) is EngineRecovery
        assert tables.recovery._generation_id == app.consumer_generation_id
        await worker.stop()

    play(scenario)

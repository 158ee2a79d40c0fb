"""The topics as a broker has them: made from the catalogue, looked at, measured. Every call blocks."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from connectors.kafka.errors import REMEDY, BrokerUnavailable, explained
from connectors.kafka.fitness import TopicState, agree, config_problems, disagreements
from connectors.kafka.security import Security
from events.topics import CATALOGUE, Role, Topic, name

CONNECT: Final = 8.0  # seconds until a broker that does not answer counts as absent
TIMEOUT: Final = 20.0  # seconds for one request


class Admin:
    """An open connection for administration, and a context manager. Every method may raise BrokerUnavailable."""

    def __init__(self, bootstrap: str, security: Security | None = None) -> None:
        from kafka.admin import KafkaAdminClient

        self._bootstrap = bootstrap
        with self._explained(), _readable_ca():
            self._client = KafkaAdminClient(
                bootstrap_servers=bootstrap.split(","),
                client_id="recado-admin",
                bootstrap_timeout_ms=int(CONNECT * 1000),
                request_timeout_ms=int(TIMEOUT * 1000),
                **(security or Security()).arguments(),
            )

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def describe(self, prefix: str) -> dict[Role, TopicState]:
        """The topics of the catalogue that exist."""
        roles = {name(prefix, topic.role): topic.role for topic in CATALOGUE}
        with self._explained():
            found = self._client.describe_topics(list(roles))
        return {
            roles[each["name"]]: TopicState(
                each["name"],
                str(each["topic_id"]),
                len(each["partitions"]),
                min(len(partition["replica_nodes"]) for partition in each["partitions"]),
            )
            for each in found
            if each["error_code"] == 0 and each["partitions"]
        }

    def ensure(self, prefix: str, partitions: int, replication: int, *, embedded: bool) -> list[str]:
        """Make the topics that are missing, wait until they can be used, and return their names. Doing it again, or
        from several processes at once, changes nothing. Raises TopicsUnfit where one has another number of partitions:
        keys would then lie elsewhere than the state that belongs to them, so nothing is changed at all."""
        found = self.describe(prefix)
        agree(found, partitions)
        missing = [topic for topic in CATALOGUE if topic.role not in found]
        if missing:
            self._create(prefix, missing, partitions, replication, embedded)
            agree(self.describe(prefix), partitions)  # another process, set otherwise, may have been quicker
        return [name(prefix, topic.role) for topic in missing]

    def unfit(self, prefix: str, partitions: int, *, embedded: bool) -> list[str]:
        """What is wrong with the topics, a sentence each; for `doctor`. Nothing is changed."""
        from kafka.admin import ConfigResource, ConfigResourceType

        found = self.describe(prefix)
        problems = [f"{name(prefix, each.role)} does not exist" for each in CATALOGUE if each.role not in found]
        problems += disagreements(found, partitions)
        resources = [ConfigResource(ConfigResourceType.TOPIC, state.name) for state in found.values()]
        with self._explained():
            configs = (
                self._client.describe_configs(resources, config_filter="all").get("topic", {}) if resources else {}
            )
        for topic in CATALOGUE:
            if (state := found.get(topic.role)) is not None:
                problems += config_problems(state.name, topic.config(embedded=embedded), configs.get(state.name, {}))
        return problems

    def topic_ids(self, prefix: str) -> dict[str, str]:
        """Name to UUID of the catalogue's topics that exist."""
        return {state.name: state.id for state in self.describe(prefix).values()}

    def end_offsets(self, topics: Iterable[str], *, committed: bool = False) -> dict[tuple[str, int], int]:
        """The next offset of each (topic, partition); `committed` asks for the last stable one, which readers of
        read_committed reach. Topics that do not exist are left out."""
        from kafka.admin import OffsetSpec

        return self._offsets(topics, OffsetSpec.LATEST, committed=committed)

    def holds_records(self, topic: str) -> bool:
        """Has a topic anything that retention has left, a transaction's marker too? Not where it does not exist."""
        from kafka.admin import OffsetSpec

        begins, ends = (
            self._offsets([topic], spec, committed=True) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
        )
        return any(begin < ends.get(at, begin) for at, begin in begins.items())

    def _offsets(self, topics: Iterable[str], spec: Any, *, committed: bool) -> dict[tuple[str, int], int]:
        from kafka import TopicPartition
        from kafka.protocol.consumer import IsolationLevel

        with self._explained():
            found = self._client.describe_topics(list(topics))
            wanted = {
                TopicPartition(each["name"], partition["partition_index"]): spec
                for each in found
                if each["error_code"] == 0
                for partition in each["partitions"]
            }
            isolation = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
            offsets = self._client.list_partition_offsets(wanted, isolation_level=isolation) if wanted else {}
        return {(tp.topic, tp.partition): at.offset for tp, at in offsets.items()}

    def group_offsets(self, group: str) -> dict[tuple[str, int], int]:
        """The offsets that a consumer group has committed, by (topic, partition); empty for a group that never was."""
        from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

        deadline = time.monotonic() + TIMEOUT
        with self._explained():
            while True:
                try:
                    offsets = self._client.list_group_offsets({group: None})[group]
                except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
                    # A fresh cluster makes the topic of group offsets when somebody first asks for a coordinator.
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(_PAUSE)
                else:
                    return {(tp.topic, tp.partition): at.offset for tp, at in offsets.items()}

    def brokers(self) -> int:
        """How many brokers the cluster has."""
        with self._explained():
            return len(self._client.describe_cluster()["brokers"])

    def members(self, group: str) -> int:
        """How many members a consumer group has now; 0 for one that never was."""
        with self._explained():
            found = self._client.describe_groups([group])
        described = found[group] if isinstance(found, dict) else found[0]
        return len(described["members"] or ())

    def names(self, prefix: str) -> list[str]:
        """All topics, of the catalogue or not, whose name begins with `prefix`."""
        with self._explained():
            return sorted(topic for topic in self._client.list_topics() if topic.startswith(prefix))

    def delete(self, names: Iterable[str]) -> None:
        """Delete topics, with all that they hold, and return when the brokers have forgotten them."""
        from kafka.errors import for_code

        gone, deadline = list(names), time.monotonic() + TIMEOUT
        with self._explained():
            for answer in self._client.delete_topics(gone, raise_errors=False)["topics"]:
                if answer["error_code"] not in (0, _UNKNOWN_TOPIC):
                    raise for_code(answer["error_code"])(answer["name"])
            while any(each["error_code"] != _UNKNOWN_TOPIC for each in self._client.describe_topics(gone)):
                if time.monotonic() > deadline:
                    raise BrokerUnavailable("deleted topics are still there", REMEDY)
                time.sleep(_PAUSE)

    def _create(self, prefix: str, missing: list[Topic], partitions: int, replication: int, embedded: bool) -> None:
        from kafka.errors import InvalidReplicationFactorError, KafkaError, PolicyViolationError, for_code

        # With three replicas one may be away; with fewer there is none to spare.
        safety = {"min.insync.replicas": "2"} if replication >= 3 else {}
        wanted = {
            name(prefix, topic.role): {
                "num_partitions": topic.count(partitions),
                "replication_factor": replication,
                "configs": topic.config(embedded=embedded) | safety,
            }
            for topic in missing
        }
        with self._explained():
            answers = self._client.create_topics(wanted, raise_errors=False)["topics"]
        for answer in answers:
            error = for_code(answer["error_code"])
            if issubclass(error, InvalidReplicationFactorError):
                raise BrokerUnavailable(
                    f"{answer['name']} cannot have {replication} replicas: the cluster has {self.brokers()} broker(s)",
                    "set RECADO_REPLICATION to at most that, or add brokers",
                )
            if issubclass(error, PolicyViolationError):
                raise BrokerUnavailable(
                    f"the cluster's policy forbids {answer['name']} ({answer.get('error_message')})",
                    "make the topics by hand, as docs/asyncapi.json describes them",
                )
            if answer["error_code"] not in (0, _ALREADY_EXISTS):
                raise BrokerUnavailable(f"{answer['name']} could not be made ({error.__name__})", REMEDY)
        with self._explained():
            try:
                self._client.wait_for_topics(list(wanted), timeout_ms=int(TIMEOUT * 1000))
            except KafkaError as error:
                raise BrokerUnavailable(f"new topics did not become ready ({type(error).__name__})", REMEDY) from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with explained(self._bootstrap):
            yield


_ALREADY_EXISTS: Final = 36  # TOPIC_ALREADY_EXISTS of the protocol
_UNKNOWN_TOPIC: Final = 3  # UNKNOWN_TOPIC_OR_PARTITION
_PAUSE: Final = 0.1  # seconds between questions whose answer the brokers are still working out


def ensure_topics(
    bootstrap: str,
    prefix: str,
    partitions: int,
    replication: int,
    *,
    security: Security | None = None,
    embedded: bool = False,
) -> list[str]:
    """Admin.ensure on a connection of its own."""
    with Admin(bootstrap, security) as admin:
        return admin.ensure(prefix, partitions, replication, embedded=embedded)


def topic_ids(bootstrap: str, prefix: str, security: Security | None = None) -> dict[str, str]:
    """Admin.topic_ids on a connection of its own."""
    with Admin(bootstrap, security) as admin:
        return admin.topic_ids(prefix)


@contextmanager
def _readable_ca() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BrokerUnavailable(
            f"the authorities' certificates cannot be used ({type(error).__name__})", "check RECADO_KAFKA_CA_FILE"
        ) from error

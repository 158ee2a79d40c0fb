"""The topics as a broker has them: made from the catalogue, looked at, measured. Every call blocks."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from connectors.kafka.errors import BrokerUnavailable, TopicsUnfit
from connectors.kafka.security import Security
from events.topics import CATALOGUE, Role, Topic, name

CONNECT: Final = 8.0  # seconds until a broker that does not answer counts as absent
TIMEOUT: Final = 20.0  # seconds for one request
FORGETTING: Final = ("segment.ms", "max.compaction.lag.ms")  # what would keep destroyed keys if it were longer
CHECKED: Final = ("cleanup.policy", "retention.ms", "retention.bytes")  # what would lose events if it were otherwise


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is. `id` is the UUID that Kafka gave it: another one means that it was deleted and made again."""

    name: str
    id: str
    partitions: int
    replication: int


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
        _agree(found, partitions)
        missing = [topic for topic in CATALOGUE if topic.role not in found]
        if missing:
            self._create(prefix, missing, partitions, replication, embedded)
            _agree(self.describe(prefix), partitions)  # another process, set otherwise, may have been quicker
        return [name(prefix, topic.role) for topic in missing]

    def unfit(self, prefix: str, partitions: int, *, embedded: bool) -> list[str]:
        """What is wrong with the topics, a sentence each; for `doctor`. Nothing is changed."""
        from kafka.admin import ConfigResource, ConfigResourceType

        found = self.describe(prefix)
        problems = [f"{name(prefix, each.role)} does not exist" for each in CATALOGUE if each.role not in found]
        problems += _disagreements(found, partitions)
        resources = [ConfigResource(ConfigResourceType.TOPIC, state.name) for state in found.values()]
        with self._explained():
            configs = (
                self._client.describe_configs(resources, config_filter="all").get("topic", {}) if resources else {}
            )
        for topic in CATALOGUE:
            if (state := found.get(topic.role)) is not None:
                problems += _config_problems(state.name, topic.config(embedded=embedded), configs.get(state.name, {}))
        return problems

    def topic_ids(self, prefix: str) -> dict[str, str]:
        """Name to UUID of the catalogue's topics that exist."""
        return {state.name: state.id for state in self.describe(prefix).values()}

    def end_offsets(self, topics: Iterable[str], *, committed: bool = False) -> dict[tuple[str, int], int]:
        """The next offset of each (topic, partition); `committed` asks for the last stable one, which readers of
        read_committed reach. Topics that do not exist are left out."""
        from kafka import TopicPartition
        from kafka.admin import OffsetSpec
        from kafka.protocol.consumer import IsolationLevel

        with self._explained():
            found = self._client.describe_topics(list(topics))
            wanted = {
                TopicPartition(each["name"], partition["partition_index"]): OffsetSpec.LATEST
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
                    raise BrokerUnavailable("deleted topics are still there", _REMEDY)
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
                raise BrokerUnavailable(f"{answer['name']} could not be made ({error.__name__})", _REMEDY)
        with self._explained():
            try:
                self._client.wait_for_topics(list(wanted), timeout_ms=int(TIMEOUT * 1000))
            except KafkaError as error:
                raise BrokerUnavailable(f"new topics did not become ready ({type(error).__name__})", _REMEDY) from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with explained(self._bootstrap):
            yield


_ALREADY_EXISTS: Final = 36  # TOPIC_ALREADY_EXISTS of the protocol
_UNKNOWN_TOPIC: Final = 3  # UNKNOWN_TOPIC_OR_PARTITION
_PAUSE: Final = 0.1  # seconds between questions whose answer the brokers are still working out
_REMEDY: Final = "look at the broker's log, then run it again"


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
def explained(bootstrap: str) -> Iterator[None]:
    """Turn what kafka-python raises into BrokerUnavailable, in words that name the setting to look at."""
    from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError, SaslAuthenticationFailedError

    try:
        yield
    except SaslAuthenticationFailedError as error:
        raise BrokerUnavailable(
            f"Kafka at {bootstrap} refused the credentials",
            "check RECADO_KAFKA_SASL_MECHANISM, RECADO_KAFKA_SASL_USERNAME and RECADO_KAFKA_SASL_PASSWORD",
        ) from error
    except AuthorizationError as error:
        raise BrokerUnavailable(
            f"Kafka at {bootstrap} does not allow this ({type(error).__name__})",
            "ask for the rights on Recado's topics",
        ) from error
    except KafkaTimeoutError as error:
        raise BrokerUnavailable(
            f"no Kafka answers at {bootstrap}",
            "check that it runs, that RECADO_KAFKA is right, and RECADO_KAFKA_SECURITY_PROTOCOL if it is secured",
        ) from error
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka at {bootstrap} failed ({type(error).__name__})", _REMEDY) from error


@contextmanager
def _readable_ca() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BrokerUnavailable(
            f"the authorities' certificates cannot be used ({type(error).__name__})", "check RECADO_KAFKA_CA_FILE"
        ) from error


def _agree(found: Mapping[Role, TopicState], partitions: int) -> None:
    if problems := _disagreements(found, partitions):
        raise TopicsUnfit(problems)


def _disagreements(found: Mapping[Role, TopicState], partitions: int) -> list[str]:
    problems, others = [], defaultdict[int, list[str]](list)
    for topic in CATALOGUE:
        state, wanted = found.get(topic.role), topic.count(partitions)
        if state is not None and state.partitions != wanted:
            if topic.partitions == "one":
                problems.append(f"{state.name} has {state.partitions} partitions: it must have exactly one")
            else:
                others[state.partitions].append(state.name)
    problems += [
        f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} {count} partitions, RECADO_PARTITIONS says "
        f"{partitions}: the number can never change, so set it to what the topics have"
        for count, names in others.items()
    ]
    return problems


def _config_problems(topic: str, wanted: Mapping[str, str], actual: Mapping[str, Any]) -> list[str]:
    return [
        f"{topic} has {key}={actual[key]['value']}, and would lose events: set it to {wanted[key]}"
        for key in CHECKED
        if key in wanted and key in actual and str(actual[key]["value"]) != wanted[key]
    ] + [
        f"{topic} has {key}={actual[key]['value']}, and would keep what was erased: set it to {wanted[key]} or less"
        for key in FORGETTING
        if key in wanted and key in actual and int(actual[key]["value"]) > int(wanted[key])
    ]

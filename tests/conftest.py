"""What every test may ask for: a broker, a prefix for topics of its own.

The broker is that of RECADO_KAFKA if it is set; else one in Docker, if an engine answers; else the embedded one. The
same suite passes on each. Tests of asynchronous code are plain functions that call `asyncio.run`: no plugin, no shared
loop, and a task that outlives its test shows.
"""

import gc
import os
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from connectors.kafka.admin import Admin
from connectors.kafka.embedded import EmbeddedKafka
from connectors.kafka.jars import KAFKA_VERSION
from connectors.kafka.security import Security
from streams.settings import Settings
from tests.browser import find

DOCKER_ANSWERS_WITHIN: Final = 3  # seconds
CONTAINER_STARTS_WITHIN: Final = 120  # seconds, with the pull of its image

# A law that holds on a fast machine holds on a slow one: no deadline an example. Laws look elsewhere in each run; what
# .ci/run judges must not differ from run to run, so that it asks for the second profile by its name.
settings.register_profile("recado", deadline=None, print_blob=True)
settings.register_profile("repeatable", settings.get_profile("recado"), derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "recado")


LONGEST: Final = ("test_kills.py",)  # begun first, so that no process works on it alone when the others are done
LEFT_OUT: Final = pytest.StashKey[int]()  # tests that need a browser, where there is none


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a browser, its tests are left out and the summary says so; in CI they stay, and fail."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    if find() is not None or os.environ.get("CI"):
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    if left_out:
        config.stash[LEFT_OUT] = len(left_out)
        if (told := getattr(config, "workeroutput", None)) is not None:  # one of several processes: xdist
            told["left_out"] = len(left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each process collects all tests, and only the one that started them prints the summary."""
    if count := getattr(node, "workeroutput", {}).get("left_out", 0):
        node.config.stash[LEFT_OUT] = count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(LEFT_OUT, 0):
        told = f"NOT TESTED: {count} test(s) of the tag need Chromium or Chrome, and none was found: make browser"
        terminalreporter.write_line(told, red=True, bold=True)


@pytest.fixture(scope="session")
def kafka_security() -> Security:
    """How `kafka` is reached: RECADO_KAFKA_SECURITY_PROTOCOL and its kin."""
    return Settings.from_env(os.environ).security


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a broker that the whole session shares. Take a `prefix`, and no name without it."""
    if given := os.environ.get("RECADO_KAFKA"):
        yield given
        return
    broker = _in_docker() if _docker_answers() else _embedded(tmp_path_factory.mktemp("kafka"))
    with broker as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def kafka_admin(kafka: str, kafka_security: Security) -> Iterator[Admin]:
    """A connection for administration to `kafka`."""
    with Admin(kafka, kafka_security) as admin:
        yield admin


@pytest.fixture
def prefix(kafka_admin: Admin) -> Iterator[str]:
    """A prefix for the topics of one test, which are deleted after it. It makes none: Admin.ensure does."""
    name = f"test-{uuid.uuid4().hex[:12]}."
    yield name
    if leftover := kafka_admin.names(name.rstrip(".")):
        kafka_admin.delete(leftover)


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """An embedded broker for one test, to be killed and started again at will; it is not started yet, and its data
    belong under `tmp_path`."""
    with EmbeddedKafka() as broker:
        yield broker


@contextmanager
def _embedded(data: Path) -> Iterator[str]:
    with EmbeddedKafka() as broker:
        yield broker.start(data)


def _docker_answers() -> bool:
    import docker
    from docker.errors import DockerException

    client = None
    with warnings.catch_warnings():  # where no engine listens, the client leaves its socket to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        with suppress(DockerException):
            client = docker.from_env(timeout=DOCKER_ANSWERS_WITHIN)
        gc.collect()
    if client is None:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


@contextmanager
def _in_docker() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    container = DockerContainer(f"apache/kafka:{KAFKA_VERSION}")
    # Clients are told the address to come back to, so the port on the host has to be known before the start.
    host, port = container.get_container_host_ip(), _free_port()
    for name, value in {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://{host}:{port}",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
    }.items():
        container.with_env(f"KAFKA_{name}", value)
    container.with_bind_ports(9092, port)
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(CONTAINER_STARTS_WITHIN))
    with container:
        yield f"{host}:{port}"


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

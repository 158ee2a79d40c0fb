"""The run's own broker: stopped, killed and started again, made to refuse writes, and reached through proxies.

A single broker never refuses for min.insync.replicas: Kafka counts no more replicas than a topic has. So a second
broker is registered that never runs, and the journal and the changelog have a replica on it: with min.insync.replicas
2 they refuse what a cluster refuses that has lost one of its brokers.
"""

import socket
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chaos.ports import HOST, free_ports
from connectors.kafka.embedded import EmbeddedKafka
from events.topics import CATALOGUE, Role, name

OURS: Final = 1  # the broker that runs
ABSENT: Final = 2  # the one that does not
REFUSING: Final = (Role.JOURNAL, Role.STATE)
_REGISTER: Final = 62, 3  # BrokerRegistration of the protocol, and its version
_FEATURES: Final = (
    "metadata.version", "kraft.version", "transaction.version", "group.version", "share.version", "streams.version",
    "eligible.leader.replicas.version",
)  # fmt: skip
_UNNAMED: Final = 10.0  # seconds for one answer of the controller


@dataclass
class Broker:
    """One embedded broker in a directory of its own, with a listener for each of `routes`, which it advertises at the
    address of that route's proxy: who comes through the proxy is sent back to it."""

    data: Path
    routes: Sequence[str] = ()
    bootstrap: str = ""
    _listeners: Sequence[int] = ()
    _advertised: Sequence[int] = ()
    _kafka: EmbeddedKafka = field(default_factory=EmbeddedKafka)

    def start(self) -> str:
        """Begin; the address for those who come directly."""
        self.data.mkdir(parents=True, exist_ok=True)
        ports = free_ports(2 * len(self.routes))
        self._listeners, self._advertised = ports[::2], ports[1::2]
        self._kafka = EmbeddedKafka(self._further() if self.routes else "")
        self.bootstrap = self._kafka.start(self.data)
        return self.bootstrap

    def proxied(self) -> dict[str, tuple[int, int]]:
        """For each route the port at which its proxy must listen, and the one to which it leads."""
        return dict(zip(self.routes, zip(self._advertised, self._listeners, strict=True), strict=True))

    def close(self) -> None:
        self._kafka.stop()

    def restart(self, *, killed: bool) -> None:
        """Stop it, or kill it, and start it again on its data and ports. Blocks until it serves."""
        if killed:
            self._kafka.kill()
            self._kafka.start(self.data, int(self.bootstrap.rpartition(":")[2]))
        else:
            self._kafka.restart()

    def _further(self) -> str:
        names = [f"ROUTE_{number}" for number in range(len(self.routes))]
        listeners = [f"{each}://{HOST}:{port}" for each, port in zip(names, self._listeners, strict=True)]
        advertised = [f"{each}://{HOST}:{port}" for each, port in zip(names, self._advertised, strict=True)]
        return "".join([
            "listeners=", ",".join(["PLAINTEXT://{host}:{port}", "CONTROLLER://{host}:{controller}", *listeners]), "\n",
            "advertised.listeners=", ",".join(["PLAINTEXT://{host}:{port}", *advertised]), "\n",
            "listener.security.protocol.map=",
            ",".join(f"{each}:PLAINTEXT" for each in ("PLAINTEXT", "CONTROLLER", *names)), "\n",
        ])  # fmt: skip

    # --- writes that are refused ----------------------------------------------------------------------------------

    def make_refusable(self, prefix: str, partitions: int) -> None:
        """Make the topics that can refuse, before anyone else makes them."""
        self._register_absent()
        wanted = {
            name(prefix, topic.role): {
                "assignments": {partition: [OURS, ABSENT] for partition in range(topic.count(partitions))},
                "configs": topic.config(embedded=True) | {"min.insync.replicas": "1"},
            }
            for topic in CATALOGUE
            if topic.role in REFUSING
        }
        admin = self._admin()
        try:
            admin.create_topics(wanted)
            admin.wait_for_topics(list(wanted), timeout_ms=30_000)
        finally:
            admin.close()

    def refuse(self, prefix: str, *, refusing: bool) -> None:
        """From now on every write to journal and changelog is refused, or none is."""
        from kafka.admin import ConfigResource, ConfigResourceType

        wanted = {"min.insync.replicas": "2" if refusing else "1"}
        admin = self._admin()
        try:
            admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name(prefix, role), configs=wanted) for role in REFUSING]
            )
        finally:
            admin.close()

    def _admin(self) -> Any:
        from kafka.admin import KafkaAdminClient

        return KafkaAdminClient(bootstrap_servers=[self.bootstrap], bootstrap_timeout_ms=30_000)

    def _register_absent(self) -> None:
        """Tell the controller of a broker that will never be heard of again. No client library knows this request."""
        properties = dict(
            line.partition("=")[::2]
            for file in ("server.properties", "log/meta.properties")
            for line in (self.data / "kafka" / file).read_text("utf-8").splitlines()
        )
        controller = int(properties["controller.quorum.voters"].rpartition(":")[2])
        key, version = _REGISTER
        features = [
            _text(each) + struct.pack(">hhb", 0 if each == "kraft.version" else 1, 1_000, 0) for each in _FEATURES
        ]
        body = b"".join([
            struct.pack(">i", ABSENT), _text(properties["cluster.id"]), uuid.uuid4().bytes,
            _array([_text("PLAINTEXT") + _text(HOST) + struct.pack(">Hhb", 1, 0, 0)]), _array(features),
            b"\0", b"\0", _array([uuid.uuid4().bytes]), struct.pack(">q", -1), b"\0",
        ])  # fmt: skip
        head = struct.pack(">hhi", key, version, 1) + struct.pack(">h", -1) + b"\0"
        with socket.create_connection((HOST, controller), timeout=_UNNAMED) as connection:
            connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
            answer = b""
            while len(answer) < 4 or len(answer) < 4 + int.from_bytes(answer[:4]):
                answer += connection.recv(4096) or _closed()
        error = struct.unpack_from(">h", answer, 4 + 4 + 1 + 4)[0]  # size, correlation, tags, throttle time
        if error:
            raise OSError(f"the controller does not register a second broker: error {error}")


def _closed() -> bytes:
    raise OSError("the controller closed the connection: it cannot read the registration of a second broker")


def _text(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded) + 1]) + encoded


def _array(items: Sequence[bytes]) -> bytes:
    return bytes([len(items) + 1]) + b"".join(items)

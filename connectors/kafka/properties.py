"""The embedded broker's configuration files, and why each line is there."""

import base64
import uuid
from pathlib import Path
from typing import Final

JVM: Final = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",  # a broker that limps is worse than one that stops: the log survives
    "-XX:TieredStopAtLevel=1",  # the optimizing compiler would take a core for half a minute; 001-embedded-kafka.md
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",  # the codecs' native libraries
    "--sun-misc-unsafe-memory-access=allow",
)

SERVER: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}/log
# Topics are made from the catalogue; a misspelt name must fail.
auto.create.topics.enable=false
# A group of one machine need not wait for further members.
group.initial.rebalance.delay.ms=0
# One broker holds the only copy. Few partitions: each costs files and time at the start.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# What the cleaner's default would take of 512 MB.
log.cleaner.dedupe.buffer.size=16777216
# After a kill -9 the controller waits that long for the broker of before; the default's 9 seconds are for networks.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# The leader of a partition would ask the coordinator, itself, before each transaction's first record whether the
# partition is part of it: docs/adr/047-a-lone-sends-way.md says why it need not.
transaction.partition.verification.enable=false
"""

LOGGING: Final = """\
status=off
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={data}/broker.log
appender.file.filePattern={data}/broker.log.%i
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=2
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c: %m%n
rootLogger.level=warn
rootLogger.appenderRef.file.ref=file
# "Kafka Server started" is what start() waits for.
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
"""


def write(data: Path, host: str, port: int, controller: int, further: str = "") -> Path:
    """Write server.properties and log4j2.properties for a broker at `host`:`port` into `data`; return the former.

    `further` lines come last: of two values for one name, Kafka takes the later.
    """
    # In Java's properties a backslash escapes; none can begin an escape in these values but those of a path.
    where = {"data": data.as_posix().replace("\\", "\\\\"), "host": host, "port": port, "controller": controller}
    (data / "log4j2.properties").write_text(LOGGING.format_map(where), "utf-8")
    server = data / "server.properties"
    server.write_text((SERVER + further).format_map(where), "utf-8")
    return server


def cluster_id() -> str:
    """A new cluster's name: a random UUID in Kafka's form, 22 characters of URL-safe base64."""
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass  # a leading dash would be read as an option
    return name

"""The settings, from the environment: contract, section 9, and the few more that the table SETTINGS names.

Reading them touches no file and opens no connection. Two of them live in RECADO_DATA when they are not given, and are
asked for there only by those who need them: `Settings.secret()`, and `streams.worker_name.claim` for RECADO_WORKER.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from connectors.kafka import owner_lock
from connectors.kafka.security import MECHANISMS, PROTOCOLS, Security
from streams import secret_file
from streams.setting_error import SettingError

__all__ = ["SETTINGS", "Listen", "SettingError", "Settings", "unknown"]

SECRET_BYTES: Final = 32
MAX_PARTITIONS: Final = 1024

SETTINGS: Final[Mapping[str, str]] = {  # name: meaning; what `recado doctor` and the documentation show
    "RECADO_KAFKA": "bootstrap servers, host:port,...; unset: an embedded Apache Kafka",
    "RECADO_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT (default), SSL, SASL_PLAINTEXT, SASL_SSL",
    "RECADO_KAFKA_SASL_MECHANISM": "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
    "RECADO_KAFKA_SASL_USERNAME": "with SASL",
    "RECADO_KAFKA_SASL_PASSWORD": "with SASL",
    "RECADO_KAFKA_CA_FILE": "PEM file of the authorities that sign the brokers' certificates; default: the system's",
    "RECADO_DATA": "directory of state, embedded Kafka and SQLite; default ./.recado",
    "RECADO_DATABASE": "SQLAlchemy URL of the read model; default SQLite in RECADO_DATA, PostgreSQL in production",
    "RECADO_HTTP": "host:port where ingress, API and console listen; default 127.0.0.1:8080",
    "RECADO_PUBLIC_URL": "what callback URLs and short links begin with; default from RECADO_HTTP",
    "RECADO_SECRET": "32 bytes in base64; made and kept in RECADO_DATA with the embedded Kafka, required with another",
    "RECADO_WORKER": "this worker's stable name in the consumer group; default: one kept in RECADO_DATA",
    "RECADO_PARTITIONS": "partitions of the topics when they are created, never changed later; default 8",
    "RECADO_REPLICATION": "replicas of the topics when they are created; default 1, 3 in production",
    "RECADO_TOPIC_PREFIX": "what topic names begin with; default recado.",
    "RECADO_TRANSACTIONAL_WAIT": "seconds that a transactional send waits for contact updates before it; default 2",
    "RECADO_PROXIES": "proxies of yours in front of RECADO_HTTP that add to X-Forwarded-For; default 0",
}


class Listen(NamedTuple):
    """An address to listen at; port 0 means any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. Secrets stay out of `repr`."""

    kafka: str | None = None  # bootstrap servers; None: embedded
    security: Security = field(default_factory=Security)
    data: Path = Path(".recado")
    database: str = field(default="", repr=False)  # may hold a password
    http: Listen = Listen("127.0.0.1", 8080)
    public_url: str = "http://127.0.0.1:8080"  # without a final slash
    given_secret: bytes | None = field(default=None, repr=False)
    worker: str | None = None  # None: claim one, streams/worker_name.py
    partitions: int = 8
    replication: int = 1
    topic_prefix: str = "recado."
    transactional_wait: int = 2000  # ms
    proxies: int = 0

    @classmethod
    def from_env(cls, environ: Mapping[str, str], directory: Path | None = None) -> "Settings":
        """Read `environ`; an empty value counts as unset. `directory` is what relative paths start from, by default
        the working one. Raises SettingError at the first value that breaks its rule; touches no file."""
        given = {name: value.strip() for name, value in environ.items() if name in SETTINGS and value.strip()}
        base = directory or Path.cwd()
        data = _path(base, "RECADO_DATA", given.get("RECADO_DATA", ".recado"))
        http = _listen(given.get("RECADO_HTTP", "127.0.0.1:8080"))
        return cls(
            kafka=_bootstrap(given.get("RECADO_KAFKA")),
            security=_security(given, base),
            data=data,
            database=_database(given.get("RECADO_DATABASE"), data),
            http=http,
            public_url=_public_url(given.get("RECADO_PUBLIC_URL"), http),
            given_secret=_secret(given.get("RECADO_SECRET")),
            worker=_matching(
                given, "RECADO_WORKER", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, '.', '_', '-'"
            ),
            partitions=_whole(given, "RECADO_PARTITIONS", 8, 1, MAX_PARTITIONS),
            replication=_whole(given, "RECADO_REPLICATION", 1, 1, 15),
            topic_prefix=_matching(
                given,
                "RECADO_TOPIC_PREFIX",
                r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
                "1 to 100 letters, digits, '.', '_', '-', and no '.' or '-' first",
            )
            or "recado.",
            transactional_wait=_milliseconds(given, "RECADO_TRANSACTIONAL_WAIT", 2.0, 60.0),
            proxies=_whole(given, "RECADO_PROXIES", 0, 0, 16),
        )

    @property
    def embedded(self) -> bool:
        """Whether the broker is the embedded one: RECADO_KAFKA is unset, or names the one that runs on RECADO_DATA."""
        return self.kafka is None or self.kafka == owner_lock.running(self.data)

    def secret(self) -> bytes:
        """The 32 bytes that seal provider tokens and sign client ids: RECADO_SECRET, or on one machine those kept in
        RECADO_DATA/secret (mode 0600), made at the first call. Raises SettingError. Reads or writes that file."""
        if self.given_secret is not None:
            return self.given_secret
        if not self.embedded:
            raise SettingError(
                "RECADO_SECRET",
                None,
                "is required where RECADO_KAFKA names a Kafka of your own: 32 bytes in base64, the same for every "
                "process of this Recado (make it once: openssl rand -base64 32)",
            )
        return secret_file.keep(self.data, SECRET_BYTES)


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Names that begin with RECADO_ and are no setting: most often a misspelt one."""
    return sorted(name for name in environ if name.startswith("RECADO_") and name not in SETTINGS)


def _bootstrap(value: str | None) -> str | None:
    if value is None:
        return None
    servers = [server.strip() for server in value.split(",")]
    for server in servers:
        if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", server) or not _port(server):
            raise SettingError("RECADO_KAFKA", value, "is a list of host:port, separated by commas")
    return ",".join(servers)


def _port(address: str) -> int:
    """The port of host:port, or 0 where it is none of 1 to 65535."""
    port = int(address.rpartition(":")[2])
    return port if port <= 65535 else 0


def _security(given: Mapping[str, str], base: Path) -> Security:
    protocol = given.get("RECADO_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT").upper()
    if protocol not in PROTOCOLS:
        raise SettingError("RECADO_KAFKA_SECURITY_PROTOCOL", protocol, f"is one of {', '.join(PROTOCOLS)}")
    ca_file = given.get("RECADO_KAFKA_CA_FILE")
    path = _path(base, "RECADO_KAFKA_CA_FILE", ca_file) if ca_file else None
    if path is not None and not path.is_file():
        raise SettingError("RECADO_KAFKA_CA_FILE", ca_file, "is a readable PEM file")
    if not protocol.startswith("SASL"):
        for name in ("MECHANISM", "USERNAME", "PASSWORD"):
            if f"RECADO_KAFKA_SASL_{name}" in given:
                raise SettingError(
                    f"RECADO_KAFKA_SASL_{name}",
                    None,
                    "has a meaning only with RECADO_KAFKA_SECURITY_PROTOCOL SASL_SSL or SASL_PLAINTEXT",
                )
        return Security(protocol, ca_file=path)
    mechanism = given.get("RECADO_KAFKA_SASL_MECHANISM", "PLAIN").upper()
    if mechanism not in MECHANISMS:
        raise SettingError("RECADO_KAFKA_SASL_MECHANISM", mechanism, f"is one of {', '.join(MECHANISMS)}")
    for name in ("RECADO_KAFKA_SASL_USERNAME", "RECADO_KAFKA_SASL_PASSWORD"):
        if name not in given:
            raise SettingError(name, None, f"is required with {protocol}")
    return Security(protocol, mechanism, given["RECADO_KAFKA_SASL_USERNAME"], given["RECADO_KAFKA_SASL_PASSWORD"], path)


def _path(base: Path, name: str, value: str) -> Path:
    try:
        return base / Path(value).expanduser()
    except RuntimeError:  # ~name, of a user that this machine does not have
        raise SettingError(name, value, "is a path that exists here, or can") from None


def _database(value: str | None, data: Path) -> str:
    if value is None:
        return f"sqlite:///{data / 'readmodel.sqlite'}"
    # What platforms hand out; SQLAlchemy knows neither the first, nor without help our driver.
    for scheme in ("postgres://", "postgresql://"):
        if value.startswith(scheme):
            return "postgresql+psycopg://" + value.removeprefix(scheme)
    if not re.match(r"(sqlite|postgresql\+psycopg)://", value):
        raise SettingError("RECADO_DATABASE", None, "is a URL that begins with postgresql:// or sqlite:///")
    return value


def _listen(value: str) -> Listen:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", value)
    if match is None or int(match[3]) > 65535:
        raise SettingError("RECADO_HTTP", value, "is host:port, as in 127.0.0.1:8080 or [::1]:8080")
    return Listen(match[1] or match[2], int(match[3]))


def _public_url(value: str | None, http: Listen) -> str:
    if value is None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104 - nothing is bound here
        return f"http://[{host}]:{http.port}" if ":" in host else f"http://{host}:{http.port}"
    rule = "is an http:// or https:// URL without user name, query or fragment"
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or "@" in value or "?" in value or "#" in value or not re.fullmatch(r"[!-~]+", value):
        raise SettingError("RECADO_PUBLIC_URL", None if "@" in value else value, rule)
    return value.rstrip("/")


def _secret(value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        # URL-safe base64 and a lost padding are common in secret stores, and mean the same bytes.
        text = value.rstrip("=").replace("-", "+").replace("_", "/")
        secret = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise SettingError("RECADO_SECRET", None, "is 32 bytes in base64 (make it once: openssl rand -base64 32)")
    return secret


def _matching(given: Mapping[str, str], name: str, pattern: str, rule: str) -> str | None:
    value = given.get(name)
    if value is not None and not re.fullmatch(pattern, value):
        raise SettingError(name, value, f"is {rule}")
    return value


def _whole(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise SettingError(name, value, f"is a whole number from {least} to {most}")
    return int(value)


def _milliseconds(given: Mapping[str, str], name: str, default: float, most: float) -> int:
    value = given.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", value) or float(value) > most:
        raise SettingError(name, value, f"is a number of seconds from 0 to {most:.0f}")
    return round(float(value) * 1000)

"""How a secured Kafka is reached: one description, and what each client library wants to hear of it."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class Security:
    """RECADO_KAFKA_SECURITY_PROTOCOL and its kin. `ca_file` is PEM; without it the system's authorities count."""

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in {"SSL", "SASL_SSL"}

    @property
    def sasl(self) -> bool:
        """Whether a name and a password are asked for."""
        return self.protocol.startswith("SASL")

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for any client of aiokafka or kafka-python; both spell them alike.

        Raises OSError (ssl.SSLError is one) where `ca_file` cannot be read as PEM.
        """
        arguments: dict[str, Any] = {"security_protocol": self.protocol}
        if self.tls:
            arguments["ssl_context"] = self._context()
        if self.sasl:
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return arguments

    def faust(self) -> Any:
        """Faust's `broker_credentials`; None for PLAINTEXT. Raises as `arguments` does."""
        from faust.auth import SASLCredentials, SSLCredentials

        context = self._context() if self.tls else None
        if self.sasl:
            return SASLCredentials(
                username=self.username, password=self.password, ssl_context=context, mechanism=self.mechanism
            )
        return SSLCredentials(context) if context is not None else None

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)

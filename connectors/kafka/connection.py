"""aiokafka's connections on uvloop: to write to one that is just closing breaks the connection, and nothing else.

asyncio's transports drop such a write, and what waits for an answer hears of the close. uvloop's raise RuntimeError,
which aiokafka does not expect: the task that wrote ends for good. Where that was the one that keeps the metadata, a
consumer never found its coordinator again, and its worker owned partitions for ever without a heartbeat.
"""

from collections.abc import Callable
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

Write = Callable[..., Any]

_WRITES: Final = ("send", "_send_sasl_token")


def heed_closed() -> None:
    """From now on every client of this process hears KafkaConnectionError, which it knows, of such a write."""
    for name in _WRITES:
        write: Write = getattr(AIOKafkaConnection, name)
        if not hasattr(write, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _heeding(write))


def _heeding(write: Write) -> Write:
    def heeding(connection: AIOKafkaConnection, *given: Any, **named: Any) -> Any:
        try:
            return write(connection, *given, **named)
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error

    heeding.__wrapped__ = write  # type: ignore[attr-defined]
    return heeding

"""What goes wrong and a person can mend, in one line each: what happened, and what to do.

Errors of libraries are known by their class's name, so that explaining one imports none of them.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

_ADDRESS = re.compile(r"\('([^']+)', (\d+)\)|([\w.:\[\]-]+):(\d+)")

_OWN = frozenset(
    {"BrokerUnavailable", "TopicsUnfit", "SettingError", "DatabaseUnusable", "JournalUnusable", "Unreadable"}
)
_BROKER = frozenset(
    {
        "KafkaConnectionError",
        "NoBrokersAvailable",
        "KafkaTimeoutError",
        "BootstrapError",
        "KafkaUnavailableError",
        "NodeNotReadyError",
    }
)
_CREDENTIALS = frozenset(
    {"AuthenticationFailedError", "SaslAuthenticationFailedError", "AuthenticationMethodNotSupported"}
)
_FORBIDDEN = frozenset(
    {"TopicAuthorizationFailedError", "GroupAuthorizationFailedError", "ClusterAuthorizationFailedError"}
)


class Refused(click.ClickException):
    """Ends a command with exit status 2 and one line. The line never holds a phone number, a text or a token."""

    exit_code = 2

    def __init__(self, sentence: str) -> None:
        from streams.cli.printing import visible

        super().__init__(visible(" ".join(sentence.split())))


def explain(error: BaseException) -> str | None:
    """The sentence for an error that a person can mend; None for a bug, whose traceback is wanted."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _BROKER:
        return (
            f"Kafka does not answer ({_words(error)}): start it, or `recado up` for an embedded one, "
            "or set RECADO_KAFKA to the bootstrap servers of a running one."
        )
    if names & _CREDENTIALS:
        return "Kafka refused the credentials: check RECADO_KAFKA_SASL_USERNAME and RECADO_KAFKA_SASL_PASSWORD."
    if names & _FORBIDDEN:
        return f"Kafka forbids this to the user ({type(error).__name__}): ask for an ACL on Recado's topics and groups."
    if names & {"UnknownTopicOrPartitionError", "UnknownTopicOrPartition"}:
        return "A topic of Recado does not exist yet: run `recado up`, or `recado doctor` to see which is missing."
    if names & _OWN:
        return _words(error)
    if isinstance(error, OSError):
        return _system(error)
    if "OperationalError" in names and type(error).__module__.startswith("sqlalchemy"):
        return f"The database does not answer ({_words(error)}): check RECADO_DATABASE."
    return None


@contextmanager
def mistaken() -> Iterator[None]:
    """Turn what the models say of a person's input into a Refused naming field, value and rule, never a secret."""
    from pydantic import ValidationError

    from events.envelope import Undecodable

    try:
        yield
    except ValidationError as error:
        raise Refused("; ".join(map(_finding, error.errors(include_url=False)[:5])) + ".") from None
    except Undecodable as error:
        raise Refused(error.detail + ".") from None


_NAME = re.compile(r"[a-z_][a-z0-9_]*|[0-9]+")
_PRIVATE = frozenset({"token", "text", "variables", "default", "alert"})  # a value there may be a secret or personal


def _finding(finding: Any) -> str:
    """Field, value and rule; the value only where it is a short scalar that cannot be a secret."""
    loc = finding["loc"]
    named = ("to", *loc[2:]) if loc[:1] == ("to",) else loc  # pydantic adds in which of its forms `to` was read
    steps = [step for step in map(str, named) if _NAME.fullmatch(step)]  # a union adds its members' types
    unknown = finding["type"] == "extra_forbidden"  # a misspelt `token` is unknown, and its value a secret
    value = finding["input"]
    shown = (
        not unknown
        and isinstance(value, str | int | float)
        and len(str(value)) <= 64
        and not _PRIVATE.intersection(steps)
    )
    told = "is no setting" if unknown else finding["msg"][:1].lower() + finding["msg"][1:]
    return f"{'.'.join(steps) or 'it'}{f' {value!r}' if shown else ''}: {told}"


def _system(error: OSError) -> str | None:
    where = error.filename if isinstance(error.filename, str) else None
    if error.errno == errno.EADDRINUSE:
        found = _ADDRESS.search(str(error))
        port = next((group for group in (found.group(2), found.group(4)) if group), "?") if found else "?"
        other = "choose another (RECADO_HTTP, or --port where there is one)"
        return f"Port {port} is already in use: stop what listens there, or {other}."
    if error.errno == errno.EACCES and where is None:
        return "This port may not be opened: choose one above 1023."
    if error.errno == errno.ENOENT and where:
        return f"{where} does not exist: check the path."
    if error.errno in {errno.EACCES, errno.EPERM} and where:
        return f"{where} may not be read or written: check its permissions."
    if error.errno == errno.EISDIR and where:
        return f"{where} is a folder: name a file."
    if error.errno in {errno.ENOTDIR, errno.EEXIST} and where:
        return f"{where} is, or lies in, a file and not a folder: name another one (RECADO_DATA)."
    if error.errno == errno.EROFS and where:
        return f"{where} lies on a disk that can only be read: name another place (RECADO_DATA)."
    if error.errno == errno.ENOSPC:
        return "The disk is full: make room, then start again; nothing that was acknowledged is lost."
    return None


def _words(error: BaseException) -> str:
    """The first line of an error without its class, short enough for a terminal."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"

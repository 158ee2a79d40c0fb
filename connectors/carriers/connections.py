"""The connections of all carriers, and how an answer of any of them is read.

What comes back is hostile: bodies are bounded, nothing is decompressed, no redirect followed, no cookie kept. Whether a
request left this machine is told by the connection, not by the kind of the error: before a connection to the provider
stands, nothing can have left; from then on everything may have. The client raises errors of many kinds (for
a host with an empty label a UnicodeError, which is no OSError): each is a fault of its own call and ends no worker.
"""

from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from connectors.carriers.base import Answer, NotListed, Refused, Unknown, UnknownReason

_LONGEST_BODY: Final = 65_536


@dataclass(slots=True)
class Course:
    """How far a request has come."""

    connected: bool = False


async def _connected(
    _: aiohttp.ClientSession,
    context: SimpleNamespace,
    __: aiohttp.TraceConnectionCreateEndParams | aiohttp.TraceConnectionReuseconnParams,
) -> None:
    course = context.trace_request_ctx
    if isinstance(course, Course):
        course.connected = True


class Connections:
    """The connections of all accounts' carriers, to be opened in a running loop (`async with`) and shared."""

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        total_timeout: float = 20.0,
        keep_alive: float = 10.0,
        limit: int = 256,
    ) -> None:
        """Times in seconds. `connect_timeout` covers the wait for one of `limit` connections, DNS, TCP and TLS;
        `total_timeout` the whole call. An idle connection is kept for `keep_alive`, shorter than servers do: one that
        the server closes just as we write makes an outcome unknown."""
        self._timeout = aiohttp.ClientTimeout(total=total_timeout, connect=connect_timeout)
        self._keep_alive = keep_alive
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_connected)
        trace.on_connection_reuseconn.append(_connected)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limit, keepalive_timeout=self._keep_alive),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session. Raises RuntimeError outside of `async with`."""
        if self._session is None:
            raise RuntimeError("the connections are not open: use them inside `async with`")
        return self._session


def base_url(text: str, like: str) -> URL:
    """A base URL, without a slash at its end. Raises ValueError for what is none."""
    try:
        url = URL(text.rstrip("/"))
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.user is None and not url.raw_query_string
    except ValueError:
        usable = False
        url = URL()
    if not usable or url.raw_fragment:
        raise ValueError(f"the base URL has to be like {like}: http(s), a host, no user, no query")
    return url


async def read_body(response: aiohttp.ClientResponse, most: int = _LONGEST_BODY) -> tuple[bytes, UnknownReason | None]:
    """The body, and what kept it from being read whole. A status that came before is still worth something."""
    content = bytearray()
    try:
        while len(content) <= most:
            piece = await response.content.read(_LONGEST_BODY)
            if not piece:
                return bytes(content), None
            content += piece
    except TimeoutError:
        return b"", "timeout"
    except (aiohttp.ClientError, OSError):
        return b"", "connection_lost"
    response.close()
    return b"", "server_error"


def failed(error: Exception, course: Course) -> Answer:
    """What follows from whatever a call raised."""
    kind = _kind(error)
    if not course.connected:
        return Refused(
            None, f"no connection to the provider ({kind}): nothing was sent", final=False, scope="connection"
        )
    if isinstance(error, TimeoutError):
        return Unknown("timeout", "no answer in time")
    if isinstance(error, aiohttp.ClientResponseError):
        return Unknown("server_error", f"the answer is not HTTP that can be read ({kind})")
    return Unknown("connection_lost", f"the connection was lost before the answer was whole ({kind})")


def unlisted(error: Exception) -> NotListed:
    """As `failed`, of a question about the list."""
    return NotListed(f"no answer ({_kind(error)})")


def _kind(error: Exception) -> str:
    """What an error is called: never its text, which may repeat what was sent. A MemoryError is raised again: it is no
    account's fault."""
    if isinstance(error, MemoryError):
        raise error
    return type(error).__name__

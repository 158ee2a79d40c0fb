"""Instasent's Transactional API, one SMS a call: instasent.md, sections 1 and 2.

What comes back is hostile: bodies are bounded, nothing is decompressed, no redirect followed, no cookie kept. Whether a
request left this machine is told by the connection, not by the kind of the error: before a connection to the provider
stands, nothing can have left; from then on everything may have.
"""

import re
from dataclasses import dataclass, field
from types import SimpleNamespace, TracebackType
from typing import Final, Self

import aiohttp
import orjson
from aiohttp.hdrs import ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT
from yarl import URL

from connectors.carriers.base import Answer, RateHeaders, Refused, Sms, Unknown, UnknownReason
from connectors.carriers.verdict import judge

BASE_URL: Final = "https://api.instasent.com/transactional/v1"
_LONGEST_BODY: Final = 65_536
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,1024}")


@dataclass(slots=True)
class _Course:
    """How far a request has come."""

    connected: bool = False


async def _connected(
    _: aiohttp.ClientSession,
    context: SimpleNamespace,
    __: aiohttp.TraceConnectionCreateEndParams | aiohttp.TraceConnectionReuseconnParams,
) -> None:
    course = context.trace_request_ctx
    if isinstance(course, _Course):
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


@dataclass(frozen=True, slots=True)
class Instasent:
    """One account's carrier: a base URL and a token over shared connections. Cheap to make."""

    connections: Connections
    token: str = field(repr=False)
    base_url: str = BASE_URL

    def __post_init__(self) -> None:
        """Raises ValueError, which never shows the token, for a base URL or a token that cannot be one."""
        base_url(self.base_url)
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("the token has to be 1 to 1,024 printable ASCII characters without spaces: paste it again")

    async def send(self, call: Sms, *, allow_unicode: bool) -> Answer:
        """One POST to `/sms`: see Carrier. Raises RuntimeError if the connections are not open: nothing was sent."""
        body = orjson.dumps(
            {
                "from": call.sender,
                "to": call.to,
                "text": call.text,
                "allowUnicode": allow_unicode,
                "clientId": call.client_id,
            }
        )
        headers = {
            AUTHORIZATION: f"Bearer {self.token}",
            ACCEPT: "application/json",
            ACCEPT_ENCODING: "identity",
            CONTENT_TYPE: "application/json",
            USER_AGENT: "Recado",
        }
        course = _Course()
        try:
            async with self.connections.session.post(
                base_url(self.base_url) / "sms",
                data=body,
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=course,
            ) as response:
                content, trouble = await _read(response)
                return judge(response.status, _rate(response), content, trouble, secret=self.token)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _failed(error, course)


def base_url(text: str) -> URL:
    """A base URL, without a slash at its end. Raises ValueError for what is none."""
    try:
        url = URL(text.rstrip("/"))
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.user is None and not url.raw_query_string
    except ValueError:
        usable = False
        url = URL()
    if not usable or url.raw_fragment:
        raise ValueError(f"the base URL has to be like {BASE_URL}: http(s), a host, no user, no query")
    return url


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, UnknownReason | None]:
    """The body, and what kept it from being read whole. A status that came before is still worth something."""
    content = bytearray()
    try:
        while len(content) <= _LONGEST_BODY:
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


def _failed(error: Exception, course: _Course) -> Answer:
    kind = type(error).__name__  # never its text, which may repeat what was sent
    if not course.connected:
        return Refused(
            None, f"no connection to the provider ({kind}): nothing was sent", final=False, scope="connection"
        )
    if isinstance(error, TimeoutError):
        return Unknown("timeout", "no answer in time")
    if isinstance(error, aiohttp.ClientResponseError):
        return Unknown("server_error", f"the answer is not HTTP that can be read ({kind})")
    return Unknown("connection_lost", f"the connection was lost before the answer was whole ({kind})")


def _rate(response: aiohttp.ClientResponse) -> RateHeaders:
    reset = _number(response, "X-RateLimit-Reset")
    return RateHeaders(
        _number(response, "X-RateLimit-Limit"),
        _number(response, "X-RateLimit-Remaining"),
        None if reset is None else reset * 1_000,
    )


def _number(response: aiohttp.ClientResponse, name: str) -> int | None:
    text = response.headers.get(name, "").strip()
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else None

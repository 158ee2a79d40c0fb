"""Who asks: the account's API key in `Authorization: Bearer <api key>`, the same for every path under /v1."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web

from connectors.credentials import api_key, is_api_key
from connectors.http.problems import problem


def presents_key(request: web.Request, secret: bytes, account: str) -> bool:
    """Whether the request shows the account's API key. `account` may be any text from outside."""
    # Compared whatever the scheme: the time taken tells nothing.
    scheme, given = presented(request)
    same = is_api_key(secret, account, given)
    return same and scheme == "bearer"


def presented(request: web.Request) -> tuple[str, str]:
    """The scheme, in lower case, and what follows it."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower(), given.strip()


@dataclass(slots=True)
class KnownKeys:
    """The API keys of all accounts that there are, for a request that names none. `names` are these accounts."""

    secret: bytes
    names: Callable[[], Iterable[str]]
    _made: set[str] = field(default_factory=set)
    _digests: set[bytes] = field(default_factory=set)  # what is compared tells nobody how much of a key is right

    def presented(self, request: web.Request) -> bool:
        """Whether the request shows one of them."""
        for account in self.names():
            if account not in self._made:
                self._digests.add(_digest(api_key(self.secret, account)))
                self._made.add(account)
        scheme, given = presented(request)
        return scheme == "bearer" and _digest(given) in self._digests


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def unauthorised() -> web.Response:
    """The answer to everybody else."""
    detail = "Send `Authorization: Bearer <api key>` with the account's key; `recado account set` prints it."
    response = problem(401, "Not authorised", detail)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response

"""Who asks: the account's API key in `Authorization: Bearer <api key>`, the same for every path under /v1."""

from aiohttp import web

from connectors.credentials import is_api_key
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


def unauthorised() -> web.Response:
    """The answer to everybody else."""
    detail = "Send `Authorization: Bearer <api key>` with the account's key; `recado account set` prints it."
    response = problem(401, "Not authorised", detail)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response

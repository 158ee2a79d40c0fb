"""`GET /metrics`: counters of this process for Prometheus, in its text format (version 0.0.4). No label holds a path's
values, so none holds an account, a contact or a secret."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from connectors.http.ingress import Counts

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Name = Literal[
    "recado_http_requests_total",  # requests answered, by method, route and status
    "recado_http_request_seconds_total",  # seconds spent on them, by method and route
    "recado_callbacks_total",  # what became of the provider's callbacks since the start
    "recado_kafka_ready",  # 1: the broker can be written to
    "recado_settings_version",  # position behind the last record of recado.accounts that this process read
]
_HELP: Final[Mapping[Name, tuple[str, str]]] = {
    "recado_http_requests_total": ("counter", "Requests answered, by method, route and status."),
    "recado_http_request_seconds_total": ("counter", "Seconds spent on requests, by method and route."),
    "recado_callbacks_total": (
        "counter",
        "Callbacks: durable, and of these raw and not_ours; refused.",
    ),
    "recado_kafka_ready": ("gauge", "1 where the broker can be written to."),
    "recado_settings_version": ("gauge", "Position behind the last record of recado.accounts that was read."),
}
_CALLBACKS: Final = ("durable", "raw", "not_ours", "wrong_secret", "not_durable", "too_large")


@dataclass(slots=True)
class Metrics:
    """What this process counts. `ready` says whether Kafka can be written to; `callbacks` and `settings_version` are
    None where it has no ingress, or no API."""

    ready: Callable[[], bool]
    callbacks: Counts | None = None
    settings_version: Callable[[], int] | None = None
    clock: Callable[[], float] = time.monotonic
    _requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    _seconds: Counter[tuple[str, str]] = field(default_factory=Counter)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/metrics", self.show)]

    async def show(self, _: web.Request) -> web.Response:
        return web.Response(body=self.text().encode(), headers={"Content-Type": MEDIA_TYPE})

    @property
    def middleware(self) -> Middleware:
        """Counts every answer; to be the outermost one."""

        @web.middleware
        async def counting(request: web.Request, handler: Handler) -> web.StreamResponse:
            began = self.clock()
            response = await handler(request)
            route, method = _route(request), request.method if request.method in _METHODS else "other"
            self._requests[method, route, response.status] += 1
            self._seconds[method, route] += self.clock() - began  # type: ignore[assignment]  # a Counter of floats
            return response

        return counting

    def text(self) -> str:
        """All metrics."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _head("recado_http_requests_total")
        for (method, route, status), count in sorted(self._requests.items()):
            yield f'recado_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
        yield from _head("recado_http_request_seconds_total")
        for (method, route), seconds in sorted(self._seconds.items()):
            yield f'recado_http_request_seconds_total{{method="{method}",route="{route}"}} {seconds:.6f}'
        if self.callbacks is not None:
            yield from _head("recado_callbacks_total")
            for name in _CALLBACKS:
                yield f'recado_callbacks_total{{result="{name}"}} {getattr(self.callbacks, name)}'
        yield from _head("recado_kafka_ready")
        yield f"recado_kafka_ready {int(self.ready())}"
        if self.settings_version is not None:
            yield from _head("recado_settings_version")
            yield f"recado_settings_version {self.settings_version()}"


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _route(request: web.Request) -> str:
    """The route as it is written, with its names in braces; requests to no route are one."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _head(name: Name) -> tuple[str, str]:
    kind, told = _HELP[name]
    return f"# HELP {name} {told}", f"# TYPE {name} {kind}"

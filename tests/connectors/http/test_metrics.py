"""Counters for Prometheus: routes, never what stands in a path."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors.http import problems
from connectors.http.ingress import Counts, health
from connectors.http.metrics import MEDIA_TYPE, Metrics


def test_answers_are_counted_by_route_and_status_and_no_path_shows() -> None:
    now = iter(range(1_000))
    metrics = Metrics(lambda: True, Counts(durable=3, wrong_secret=1), lambda: 7, lambda: float(next(now)))

    async def fail(_: web.Request) -> web.Response:
        raise RuntimeError

    async def scenario() -> tuple[str, str]:
        app = web.Application(middlewares=[metrics.middleware, problems.middleware])
        app.add_routes([*health(lambda: True), *metrics.routes(), web.get("/v1/{secret}", fail)])
        async with TestClient(TestServer(app)) as client:
            for path in ("/health/live", "/health/live", "/v1/rk_secret", "/rk_secret/none"):
                await client.get(path)
            await client.request("PROPFIND", "/health/live")
            answer = await client.get("/metrics")
            return answer.headers["Content-Type"], await answer.text()

    media, text = asyncio.run(scenario())
    lines = text.splitlines()
    assert media == MEDIA_TYPE
    assert 'recado_http_requests_total{method="GET",route="/health/live",status="200"} 2' in lines
    assert 'recado_http_requests_total{method="GET",route="/v1/{secret}",status="500"} 1' in lines
    assert 'recado_http_requests_total{method="GET",route="none",status="404"} 1' in lines
    assert 'recado_http_requests_total{method="other",route="none",status="405"} 1' in lines
    assert 'recado_http_request_seconds_total{method="GET",route="/health/live"} 2.000000' in lines
    assert 'recado_callbacks_total{result="durable"} 3' in lines
    assert "recado_kafka_ready 1" in lines
    assert "recado_settings_version 7" in lines
    assert "rk_secret" not in text
    assert text.endswith("\n")


def test_what_a_process_does_not_serve_it_does_not_count() -> None:
    text = Metrics(lambda: False).text()
    assert "recado_kafka_ready 0" in text
    assert "callbacks" not in text
    assert "settings_version" not in text

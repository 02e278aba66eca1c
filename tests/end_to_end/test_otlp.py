"""What a client sends reaches a receiver of OTLP over real HTTP."""

import gzip
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from statsd_trio import Config, Ledger, Server, serve
from statsd_trio.mock_intake import open_mock_intake
from statsd_trio.web import Limits, serve_web

CheckLedger = Callable[[Ledger], None]


class Receiver:
    """Takes what comes, or answers with a status.

    Attributes:
        requests: those that were taken, with their headers.
    """

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.was_tried = trio.Event()
        self.has_taken = trio.Event()
        self.requests: list[tuple[ExportMetricsServiceRequest, Any]] = []

    async def take(self, request: Request) -> Response:
        self.was_tried.set()
        body = await request.body()
        if self.status == 200:
            message = ExportMetricsServiceRequest.FromString(gzip.decompress(body))
            self.requests.append((message, request.headers))
            self.has_taken.set()
        return Response(b"", self.status, headers={"Retry-After": "1"})

    def list_points(self, name: str) -> list[Any]:
        return [
            point
            for request, _ in self.requests
            for resource in request.resource_metrics
            for metric in resource.scope_metrics[0].metrics
            if metric.name == name
            for point in getattr(metric, str(metric.WhichOneof("data"))).data_points
        ]


@asynccontextmanager
async def open_receiver() -> AsyncGenerator[Receiver]:
    receiver = Receiver()
    application = Starlette(
        routes=[Route("/v1/metrics", receiver.take, methods=["POST"])]
    )
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    receiver.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_web, application, [listener], Limits())
        yield receiver
        nursery.cancel_scope.cancel()


def make_config(url: str, **options: Any) -> Config:
    return Config(
        **{
            "host": "127.0.0.1",
            "port": 0,
            "hostname": "web-1",
            "self_metrics": False,
            "sinks": ["otlp"],
            "otlp_endpoint": url,
            "otlp_headers": {"api-key": "secret"},
            **options,
        }
    )


async def send_all(server: Server, *lines: bytes) -> None:
    before = server.ledger().lines.read
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for line in lines:
            client.sendto(line, server.addresses[0])
    # Nothing tells when they were read.
    while server.ledger().lines.read < before + len(lines):  # noqa: ASYNC110
        await trio.sleep(0.01)


LINES = (
    b"page.views:1|c|#env:prod",
    b"page.views:4|c|#env:prod",
    b"load:0.5|g",
    b"page.ms:12.5|ms",
    b"page.ms:20|ms",
    b"size:7|d|#a:1,a:2",
    b"_e{1,1}:t|x",
)


async def test_every_type_arrives(check_ledger: CheckLedger) -> None:
    async with open_receiver() as receiver, trio.open_nursery() as nursery:
        config = make_config(receiver.url)
        server: Server = await nursery.start(partial(serve, config))
        await send_all(server, *LINES)
        nursery.cancel_scope.cancel()
    ledger = server.ledger()
    check_ledger(ledger)
    (sink,) = ledger.sinks
    assert (sink.delivered, sink.pending, sink.switched_off) == (4, 0, 1)
    assert sink.joined_tags == 1
    (request, headers) = receiver.requests[0]
    assert headers["api-key"] == "secret"
    resources = [
        {one.key: one.value.string_value for one in resource.resource.attributes}
        for resource in request.resource_metrics
    ]
    assert {one["host.name"] for one in resources} == {"web-1"}
    assert {one.get("deployment.environment.name") for one in resources} == {
        "prod",
        None,
    }
    zero, views = receiver.list_points("page.views")
    assert (zero.as_double, views.as_double) == (0, 5)
    (load,) = receiver.list_points("load")
    assert load.as_double == 0.5
    _, timer = receiver.list_points("page.ms")
    assert (timer.count, timer.sum, timer.min, timer.max) == (2, 32.5, 12.5, 20)
    _, size = receiver.list_points("size")
    assert (size.count, size.sum) == (1, 7)


async def test_a_receiver_that_was_away_gets_everything(
    check_ledger: CheckLedger,
) -> None:
    async with open_receiver() as receiver, trio.open_nursery() as nursery:
        config = make_config(receiver.url, interval_seconds=1)
        receiver.status = 503
        server: Server = await nursery.start(partial(serve, config))
        await send_all(server, *LINES)
        await receiver.was_tried.wait()
        check_ledger(server.ledger())
        receiver.status = 200
        await receiver.has_taken.wait()
        nursery.cancel_scope.cancel()
    ledger = server.ledger()
    check_ledger(ledger)
    (sink,) = ledger.sinks
    assert sink.snapshotted == sink.delivered
    assert max(one.as_double for one in receiver.list_points("page.views")) == 5


async def test_datadog_and_otlp_each_get_their_own(check_ledger: CheckLedger) -> None:
    async with open_mock_intake() as intake, open_receiver() as receiver:
        config = make_config(
            receiver.url,
            sinks=["datadog", "otlp"],
            dd_url=intake.url,
            api_key="k" * 32,
        )
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(partial(serve, config))
            await send_all(server, *LINES)
            nursery.cancel_scope.cancel()
        names = {series.name for series in intake.series}
        sketches = {sketch.name for sketch in intake.sketches}
    check_ledger(server.ledger())
    datadog, otlp = server.ledger().sinks
    assert datadog.snapshotted == datadog.delivered
    assert otlp.snapshotted == otlp.delivered
    # The sketch of the timer is for OTLP alone, and its figures are for Datadog.
    assert "page.ms.max" in names
    assert sketches == {"size"}
    assert not receiver.list_points("page.ms.max")
    assert receiver.list_points("page.ms")

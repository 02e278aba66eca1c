"""Send payloads by OTLP over HTTP, and read what the answer says about them."""

from collections.abc import Callable, Mapping
from typing import Final

import attrs
import httpx2
import trio
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.payload import Payload, Route
from statsd_trio.sinks.delivery.requests import Requests
from statsd_trio.sinks.otlp.routes import OtlpRoute

_CONTENT_TYPE: Final = "application/x-protobuf"


class OtlpEndpoint:
    """Sends metrics to one URL, and logs to another.

    Attributes:
        name: the URL for metrics, without credentials.
    """

    def __init__(
        self,
        urls: Mapping[Route, str],
        headers: Mapping[Route, Mapping[str, str]],
        transport: Callable[[str], httpx2.AsyncBaseTransport],
        wall_clock: Callable[[], float],
    ) -> None:
        """Prepare to send; nothing connects yet.

        Args:
            urls: the URL for each route, used unchanged.
            headers: the headers of requests of each route; their values are never
                shown.
            transport: opens the connections to a URL.
            wall_clock: returns unix seconds.
        """
        self._headers = {
            route: {**headers[route], "Content-Type": _CONTENT_TYPE} for route in urls
        }
        self._requests = {
            route: Requests(
                url, transport(url), wall_clock, secrets=tuple(headers[route])
            )
            for route, url in urls.items()
        }
        self.name = str(self._requests[OtlpRoute.METRICS].url)

    @property
    def key_state(self) -> str:
        """Always "", because a key can only be in the headers."""
        return ""

    async def run(self) -> None:
        """Do nothing, because nothing is needed besides sending."""
        await trio.lowlevel.checkpoint()

    async def post(
        self, payload: Payload, snapshot_time: int, timeout_seconds: float
    ) -> Answer:
        """Send *payload*, whichever snapshot it belongs to."""
        del snapshot_time
        headers = self._headers[payload.route]
        if payload.encoding:
            headers = {**headers, "Content-Encoding": payload.encoding}
        requests = self._requests[payload.route]
        answer = await requests.send("POST", "", headers, payload.body, timeout_seconds)
        if not answer.body:
            return answer
        rejected, message = read_partial_success(answer.body, payload.route)
        text = requests.make_excerpt(message, headers)
        return attrs.evolve(answer, rejected=rejected, text=text)

    async def aclose(self) -> None:
        """Close the connections."""
        for requests in self._requests.values():
            await requests.aclose()


def read_partial_success(body: bytes, route: Route) -> tuple[int, str]:
    """Return how many points of an accepted payload were not accepted, and why.

    An answer that is not valid protobuf is ignored, because the status is enough.

    Source: opentelemetry-specification, protocol/otlp.md, Partial Success.
    """
    try:
        if route is OtlpRoute.LOGS:
            logs = ExportLogsServiceResponse.FromString(body).partial_success
            return max(logs.rejected_log_records, 0), logs.error_message
        metrics = ExportMetricsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return 0, ""
    return max(metrics.rejected_data_points, 0), metrics.error_message

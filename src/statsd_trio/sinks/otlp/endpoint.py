"""Sends payloads by OTLP over HTTP, and reads what the answer says of them."""

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

from statsd_trio.sinks.delivery.payload import Payload, Route
from statsd_trio.sinks.delivery.requests import Answer, Requests
from statsd_trio.sinks.otlp.routes import OtlpRoute

_CONTENT_TYPE: Final = "application/x-protobuf"

# Of what an answer says of the points that it did not take, so much is shown.
_MAX_MESSAGE_CHARACTERS: Final = 200


class OtlpEndpoint:
    """Sends metrics to one URL, and logs to another.

    Attributes:
        name: the URL for metrics, without credentials.
    """

    def __init__(
        self,
        urls: Mapping[Route, str],
        headers: Mapping[str, str],
        transport: Callable[[str], httpx2.AsyncBaseTransport],
        wall_clock: Callable[[], float],
    ) -> None:
        """Prepare to send; nothing connects yet.

        Args:
            urls: where each route goes, as it is.
            headers: of every request; none of them is ever shown.
            transport: makes the way to a URL.
            wall_clock: unix seconds.
        """
        self._headers = {**headers, "Content-Type": _CONTENT_TYPE}
        self._requests = {
            route: Requests(url, transport(url), wall_clock, secrets=tuple(headers))
            for route, url in urls.items()
        }
        self.name = str(self._requests[OtlpRoute.METRICS].url)

    @property
    def key_state(self) -> str:
        """Nothing: there is no key but in the headers."""
        return ""

    async def run(self) -> None:
        """Do nothing: there is nothing to be done beside sending."""
        await trio.lowlevel.checkpoint()

    async def post(
        self, payload: Payload, snapshot_time: int, timeout_seconds: float
    ) -> Answer:
        """Send *payload*, whatever snapshot it is of."""
        del snapshot_time
        headers = self._headers
        if payload.encoding:
            headers = {**headers, "Content-Encoding": payload.encoding}
        answer = await self._requests[payload.route].send(
            "POST", "", headers, payload.body, timeout_seconds
        )
        return read_answer(answer, payload.route)

    async def aclose(self) -> None:
        """Close the connections."""
        for requests in self._requests.values():
            await requests.aclose()


def read_answer(answer: Answer, route: Route) -> Answer:
    """Note in *answer* how many points were not taken, though the payload was.

    An answer that is no protobuf says nothing: the status is enough.

    Source: opentelemetry-specification, protocol/otlp.md, Partial Success.
    """
    if not answer.body:
        return answer
    try:
        if route is OtlpRoute.LOGS:
            logs = ExportLogsServiceResponse.FromString(answer.body)
            rejected = logs.partial_success.rejected_log_records
            message = logs.partial_success.error_message
        else:
            metrics = ExportMetricsServiceResponse.FromString(answer.body)
            rejected = metrics.partial_success.rejected_data_points
            message = metrics.partial_success.error_message
    except DecodeError:
        return answer
    shown = "".join(char if char.isprintable() else " " for char in message)
    return attrs.evolve(
        answer, rejected=max(rejected, 0), text=shown[:_MAX_MESSAGE_CHARACTERS]
    )

"""Send requests to Datadog's intake."""

from collections.abc import Callable
from typing import Final

import httpx2

from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.payload import Payload
from statsd_trio.sinks.delivery.requests import Requests
from statsd_trio.version import __version__

# The schema of the protobuf payloads. Source: datadog-agent,
# comp/forwarder/defaultforwarder, DD-Agent-Payload.
_AGENT_PAYLOAD_VERSION: Final = "4.87.0"

# Source: datadog-agent, forwarder_health.go.
_VALIDATE_SECONDS: Final = 10.0


class DatadogEndpoint:
    """Sends to one base URL of Datadog's intake.

    Attributes:
        name: the URL for people, without credentials.
    """

    def __init__(
        self,
        url: str,
        transport: httpx2.AsyncBaseTransport,
        wall_clock: Callable[[], float],
    ) -> None:
        self._requests = Requests(url, transport, wall_clock, secrets=("DD-API-KEY",))
        self.name = str(self._requests.url).rstrip("/")

    async def post(self, payload: Payload, key: str, timeout_seconds: float) -> Answer:
        """Send *payload*."""
        headers = {
            "DD-API-KEY": key,
            "DD-Agent-Version": __version__,
            "Content-Type": "application/json",
        }
        if payload.route.carries_metrics:
            headers["Content-Type"] = "application/x-protobuf"
            headers["DD-Agent-Payload"] = _AGENT_PAYLOAD_VERSION
        if payload.encoding:
            headers["Content-Encoding"] = payload.encoding
        return await self._requests.send(
            "POST", payload.route.value, headers, payload.body, timeout_seconds
        )

    async def validate(self, key: str) -> Answer:
        """Ask whether *key* is valid: the status is 200 if it is, and 403 if not."""
        return await self._requests.send(
            "GET", "/api/v1/validate", {"DD-API-KEY": key}, b"", _VALIDATE_SECONDS
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._requests.aclose()

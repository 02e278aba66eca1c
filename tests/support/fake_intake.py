"""An intake without a socket, which answers in virtual time as it is told to."""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import attrs
import httpx2
import trio

from statsd_trio.sinks.datadog.agent_payload_pb2 import MetricPayload

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@attrs.define(eq=False)
class Attempt:
    """One request that reached the fake intake."""

    time: float
    method: str
    url: httpx2.URL
    headers: httpx2.Headers
    body: bytes
    is_held: bool = False

    def series_names(self) -> list[str]:
        if not self.url.path.endswith("/api/v2/series"):
            return []
        payload = MetricPayload.FromString(zstd.decompress(self.body))
        return [series.metric for series in payload.series]


Respond = Callable[[Attempt], Awaitable[httpx2.Response]]


async def accept(attempt: Attempt) -> httpx2.Response:
    await trio.lowlevel.checkpoint()
    attempt.is_held = True
    return httpx2.Response(202, content=b"{}")


class FakeIntake(httpx2.AsyncBaseTransport):
    """Answers in virtual time, at httpx2's own seam.

    Attributes:
        respond: may be replaced at any time.
        attempts: posts of payloads, in order.
        validations: requests that checked a key.
        most_in_flight: at any one time.
    """

    def __init__(self) -> None:
        self.respond: Respond = accept
        self.key_status = 200
        self.attempts: list[Attempt] = []
        self.validations: list[Attempt] = []
        self.most_in_flight = 0
        self.in_flight = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        attempt = Attempt(
            trio.current_time(),
            request.method,
            request.url,
            request.headers,
            await request.aread(),
        )
        if request.url.path.endswith("/api/v1/validate"):
            self.validations.append(attempt)
            await trio.lowlevel.checkpoint()
            return httpx2.Response(self.key_status)
        self.attempts.append(attempt)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self.respond(attempt)
        finally:
            self.in_flight -= 1

    def answer_with(
        self, *statuses: int, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with these statuses in turn, the last one from then on."""
        remaining = list(statuses)

        async def respond(attempt: Attempt) -> httpx2.Response:
            await trio.lowlevel.checkpoint()
            status = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            attempt.is_held = 200 <= status < 300
            return httpx2.Response(status, headers=headers)

        self.respond = respond

    def fail_with(self, error: type[Exception]) -> None:
        async def respond(attempt: Attempt) -> httpx2.Response:
            await trio.lowlevel.checkpoint()
            raise error("no such luck")

        self.respond = respond

    def lose_answers(self) -> None:
        """Take every payload, and let no answer through."""

        async def respond(attempt: Attempt) -> httpx2.Response:
            await trio.lowlevel.checkpoint()
            attempt.is_held = True
            raise httpx2.ReadError("reset")

        self.respond = respond

    def accept_after(self, seconds: float) -> None:
        async def respond(attempt: Attempt) -> httpx2.Response:
            await trio.sleep(seconds)
            return await accept(attempt)

        self.respond = respond

    def accept_all(self) -> None:
        self.respond = accept

    def count_held(self) -> Counter[str]:
        """How often each series arrived."""
        return Counter(
            name
            for attempt in self.attempts
            if attempt.is_held
            for name in attempt.series_names()
        )

    def times(self) -> list[float]:
        return [attempt.time for attempt in self.attempts]

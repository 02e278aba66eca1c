import sys
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import attrs
import httpx2
import pytest
import trio
import trio.testing

from statsd_trio.sinks.datadog.agent_payload_pb2 import MetricPayload
from statsd_trio.sinks.datadog.opening import Account, open_datadog_destination
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.sink_runner import SinkRunner

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

EPOCH = 1_700_000_000


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

    def answer_with(self, *statuses: int, headers: object = None) -> None:
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


OpenDestination = Callable[..., SinkRunner]
RunDestination = Callable[[SinkRunner], AbstractAsyncContextManager[trio.Nursery]]
T = TypeVar("T")
StopDestination = Callable[[SinkRunner, float], Awaitable[float]]


async def run_inline(function: Callable[[], T]) -> T:
    """Stand in for a thread, which a virtual clock would not wait for."""
    await trio.lowlevel.checkpoint()
    return function()


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


def open_datadog(accounts: Any, **options: Any) -> SinkRunner:
    """Open a destination, with the settings of delivery among the other options."""
    names = attrs.fields_dict(DeliverySettings).keys() & options.keys()
    settings = DeliverySettings(**{name: options.pop(name) for name in names})
    return open_datadog_destination(accounts, settings, **options)


@pytest.fixture
def open_destination(intake: FakeIntake) -> OpenDestination:
    """A destination with one endpoint and no chance, unless told otherwise."""

    def open_it(
        endpoints: Any = None, *, accounts: Any = None, **options: Any
    ) -> SinkRunner:
        endpoints = endpoints or {"https://api.example.com": ["secret-key"]}
        pairs = [(url, key) for url in endpoints for key in endpoints[url]]
        return open_datadog(
            accounts
            or [
                Account(url, key, is_additional=number > 0)
                for number, (url, key) in enumerate(pairs)
            ],
            **{
                "transport": intake,
                "wall_clock": lambda: EPOCH,
                "choose_fraction": lambda: 0.0,
            }
            | options,
        )

    return open_it


@asynccontextmanager
async def run_destination(
    destination: SinkRunner,
) -> AsyncGenerator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        yield nursery
        nursery.cancel_scope.cancel()


@pytest.fixture
def running() -> RunDestination:
    """Run a destination for the length of a block, then keep what is left."""
    return run_destination


async def stop_destination(destination: SinkRunner, seconds: float) -> float:
    """Close it, run it to its end, and return how long that took."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        destination.close(seconds)
    return trio.current_time() - start


@pytest.fixture
def stop() -> StopDestination:
    """Run a destination that is closed at once, and return how long that took."""
    return stop_destination

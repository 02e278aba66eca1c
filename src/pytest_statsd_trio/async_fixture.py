"""`AsyncDogStatsd`: the same as `DogStatsd`, with assertions to await."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol
from unittest.mock import ANY

from pytest_statsd_trio import assertions
from pytest_statsd_trio.awaiting import Calls, must_be_awaited
from pytest_statsd_trio.endpoint import Endpoint
from pytest_statsd_trio.expectations import Expectation, NothingExpectation
from pytest_statsd_trio.failure import (
    Circumstances,
    write_absence,
    write_forgotten,
    write_invalid,
    write_losses,
    write_silence,
    write_unwanted,
)
from pytest_statsd_trio.hints import find_hints
from pytest_statsd_trio.losses import find_losses
from pytest_statsd_trio.received import Received, Rejected
from pytest_statsd_trio.recorder import Recorder
from pytest_statsd_trio.summary import write_snapshot
from pytest_statsd_trio.tags import Tags, read_tags
from pytest_statsd_trio.waiting import Outcome
from statsd_trio import Ledger
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.protocol import Event, MetricType, Sample, ServiceCheck


class AsyncWaiter(Protocol):
    """Waits as `Waiter` does, while the loop runs on."""

    async def wait_until(self, is_met: Callable[[], bool], seconds: float) -> Outcome:
        """Wait until *is_met*, for *seconds* at most."""
        ...

    async def settle(self, seconds: float) -> list[str]:
        """Wait until all that was sent is recorded; return who gave no answer."""
        ...


class AsyncDogStatsd:
    """What one test sends, and assertions on it to await; see `DogStatsd`.

    Attributes:
        calls: those that must be awaited before the test ends.
        environment: what points a client at this server; set during the test.
        flushed: in a Trio test, what the server has aggregated so far, a snapshot a
            bucket; elsewhere nothing.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        recorder: Recorder,
        waiter: AsyncWaiter,
        read_ledger: Callable[[], Ledger],
        timeout_seconds: float,
        flushed: Sequence[Snapshot] = (),
    ) -> None:
        self._endpoint = endpoint
        self._recorder = recorder
        self._waiter = waiter
        self._read_ledger = read_ledger
        self._timeout_seconds = timeout_seconds
        self._ledger_before = read_ledger()
        self.calls = Calls()
        self.environment = endpoint.environment
        self.flushed = flushed

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of UDP."""
        return self._endpoint.address

    @property
    def host(self) -> str:
        """The host of UDP."""
        return self._endpoint.address[0]

    @property
    def port(self) -> int:
        """The port of UDP."""
        return self._endpoint.address[1]

    @property
    def url(self) -> str:
        """The UDP address as a URL."""
        return self._endpoint.url

    @property
    def socket_path(self) -> str | None:
        """The path of the Unix datagram socket; None where the system has none."""
        return self._endpoint.paths.datagram

    @property
    def stream_socket_path(self) -> str | None:
        """The path of the Unix stream socket; None where the system has none."""
        return self._endpoint.paths.stream

    @property
    def metrics(self) -> tuple[Sample, ...]:
        """The metric lines received so far, in order; waits for nothing."""
        return self._recorder.read().metrics

    @property
    def events(self) -> tuple[Event, ...]:
        """The events received so far."""
        return self._recorder.read().events

    @property
    def service_checks(self) -> tuple[ServiceCheck, ...]:
        """The service checks received so far."""
        return self._recorder.read().service_checks

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The lines that were refused so far."""
        return self._recorder.read().rejected

    @property
    def telemetry(self) -> tuple[Sample, ...]:
        """What Datadog's clients reported of themselves so far.

        It is kept apart from `metrics`, and no assertion counts it, unless pytest is
        run with ``--dogstatsd-telemetry``.
        """
        return self._recorder.read().telemetry

    @property
    def late(self) -> Received:
        """What came between the former test and this one; no assertion counts it."""
        return self._recorder.late

    def ledger(self) -> Ledger:
        """Read the server's ledger, of all tests so far."""
        return self._read_ledger()

    @must_be_awaited
    async def settle(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait until all that was sent so far, by any socket, is received.

        For plain assertions on `metrics` and the like. What a client still holds in
        its own buffer has not been sent.
        """
        __tracebackhide__ = True
        seconds = self._timeout_seconds if timeout is None else timeout
        silent = await self._waiter.settle(seconds)
        if silent:
            raise AssertionError(write_silence(silent))

    @must_be_awaited
    async def snapshot(self, mask: bool | Iterable[str] = ()) -> str:
        """Write all that was sent so far as sorted text, one line a metric.

        Args:
            mask: whose values to write as ``*``: patterns of names, or True for all.
        """
        __tracebackhide__ = True
        await self.settle()
        return write_snapshot(self._recorder.read(), mask)

    @must_be_awaited
    async def assert_counter(
        self,
        name: str,
        value: object = ANY,
        *,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for a counter whose total is *value*; sample rates are accounted for."""
        __tracebackhide__ = True
        await self._wait_for(assertions.expect_counter(name, value, tags), timeout)

    @must_be_awaited
    async def assert_gauge(
        self,
        name: str,
        value: object = ANY,
        *,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for a gauge whose last value is *value*."""
        __tracebackhide__ = True
        await self._wait_for(assertions.expect_gauge(name, value, tags), timeout)

    @must_be_awaited
    async def assert_set(
        self,
        name: str,
        members: object = ANY,
        *,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for a set with exactly *members*; a number tells how many."""
        __tracebackhide__ = True
        await self._wait_for(assertions.expect_set(name, members, tags), timeout)

    @must_be_awaited
    async def assert_histogram(
        self,
        name: str,
        *,
        count: object = ANY,
        between: tuple[float, float] | None = None,
        values: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for a histogram's values: how many, within which bounds, or which.

        *values* is a list in the order of arrival.
        """
        __tracebackhide__ = True
        await self._wait_for(
            assertions.expect_values(
                name,
                MetricType.HISTOGRAM,
                tags,
                count=count,
                between=between,
                values=values,
            ),
            timeout,
        )

    @must_be_awaited
    async def assert_timing(
        self,
        name: str,
        *,
        count: object = ANY,
        between: tuple[float, float] | None = None,
        values: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for a timing's values, in milliseconds, as `assert_histogram`."""
        __tracebackhide__ = True
        await self._wait_for(
            assertions.expect_values(
                name,
                MetricType.TIMER,
                tags,
                count=count,
                between=between,
                values=values,
            ),
            timeout,
        )

    @must_be_awaited
    async def assert_distribution(
        self,
        name: str,
        *,
        count: object = ANY,
        between: tuple[float, float] | None = None,
        values: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for a distribution's values, as `assert_histogram`."""
        __tracebackhide__ = True
        await self._wait_for(
            assertions.expect_values(
                name,
                MetricType.DISTRIBUTION,
                tags,
                count=count,
                between=between,
                values=values,
            ),
            timeout,
        )

    @must_be_awaited
    async def assert_event(
        self,
        *,
        title: object = ANY,
        text: object = ANY,
        alert_type: object = ANY,
        priority: object = ANY,
        aggregation_key: object = ANY,
        source_type_name: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for an event with these fields."""
        __tracebackhide__ = True
        await self._wait_for(
            assertions.expect_event(
                tags,
                title=title,
                text=text,
                alert_type=alert_type,
                priority=priority,
                aggregation_key=aggregation_key,
                source_type_name=source_type_name,
            ),
            timeout,
        )

    @must_be_awaited
    async def assert_service_check(
        self,
        name: str,
        status: object = ANY,
        *,
        message: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Wait for a service check; *status* is a number or a name such as ``ok``."""
        __tracebackhide__ = True
        await self._wait_for(
            assertions.expect_service_check(name, status, message, tags), timeout
        )

    @must_be_awaited
    async def assert_none(
        self,
        name: str | None = None,
        *,
        tags: Tags = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in `DogStatsd`
    ) -> None:
        """Check that no metric *name* was sent so far; without a name, nothing at all.

        It waits for no time to pass: a marker through each socket shows that all that
        was sent before has been read. Nothing is waited for but the markers.
        """
        __tracebackhide__ = True
        await self.settle(timeout)
        expectation = NothingExpectation(name, read_tags(tags))
        circumstances = self._look()
        if not expectation.is_met(circumstances.received):
            raise AssertionError(write_unwanted(expectation, circumstances))

    @must_be_awaited
    async def assert_valid(self) -> None:
        """Check that no line sent so far was rejected."""
        __tracebackhide__ = True
        await self.settle()
        rejected = self.rejected
        if rejected:
            raise AssertionError(write_invalid(rejected))

    def finish(self, *, is_strict: bool) -> list[str]:
        """Say what is wrong with the test, which has ended."""
        problems = [write_forgotten(call) for call in self.calls.take_forgotten()]
        if is_strict and self.rejected:
            problems.append(write_invalid(self.rejected))
        return problems

    @must_be_awaited
    async def assert_lossless(self) -> None:
        """Check by the ledger that nothing sent so far in this test was lost."""
        __tracebackhide__ = True
        await self.settle()
        losses = list(find_losses(self._ledger_before, self._read_ledger()))
        if losses:
            raise AssertionError(write_losses(losses))

    def _look(self) -> Circumstances:
        return Circumstances(
            self._recorder.read(),
            self._recorder.late,
            lambda: find_hints(self._endpoint),
        )

    async def _wait_for(self, expectation: Expectation, chosen: float | None) -> None:
        __tracebackhide__ = True
        seconds = self._timeout_seconds if chosen is None else chosen
        outcome = await self._waiter.wait_until(
            lambda: expectation.is_met(self._recorder.read()), seconds
        )
        if not outcome.is_met:
            raise AssertionError(
                write_absence(expectation, self._look(), outcome.silent, seconds)
            )

"""The objects that the fixtures `dogstatsd` and `dogstatsd_async` give to a test.

Both have the same class. A method turns what the test wrote into a check; the fixture
decides how it is run: at once in this thread, or when the test awaits it.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar
from unittest.mock import ANY

from pytest_statsd_trio.checks import Calls, Checks, Work, run_now
from pytest_statsd_trio.expectations import (
    Expectation,
    MetricExpectation,
    NothingExpectation,
    expect_event,
    expect_service_check,
)
from pytest_statsd_trio.received import Received, Rejected
from pytest_statsd_trio.session import Session
from pytest_statsd_trio.wanted import LastValue, Members, Tags, Total, Values
from statsd_trio import Ledger, Snapshot
from statsd_trio.protocol import Event, MetricType, Sample, ServiceCheck

# What an assertion returns, and what a snapshot returns: None and a text, or an
# awaitable of each.
_Done = TypeVar("_Done")
_Text = TypeVar("_Text")


class Fixture(Generic[_Done, _Text]):
    """What one test sends, and assertions about it.

    An assertion waits for at most *timeout* seconds and returns as soon as it is met.
    Everything that was sent before is processed first, so a counter is never read
    half-way. Values may be `ANY`, `pytest.approx` or anything else that can be compared
    with ``==``. *tags* are the tags that a line must have; it may have others.
    """

    def __init__(
        self,
        session: Session,
        check: Callable[[Work[None]], _Done],
        write: Callable[[Work[str]], _Text],
    ) -> None:
        self._session = session
        self._checks = Checks(session)
        self._check = check
        self._write = write

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that direct clients to this server.

        They are set during the test.
        """
        return self._session.endpoint.environment

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of UDP."""
        return self._session.endpoint.address

    @property
    def host(self) -> str:
        """The host of UDP."""
        return self.address[0]

    @property
    def port(self) -> int:
        """The port of UDP."""
        return self.address[1]

    @property
    def url(self) -> str:
        """The UDP address as a URL."""
        return self._session.endpoint.url

    @property
    def socket_path(self) -> str | None:
        """The path of the Unix datagram socket; None if the system has none."""
        return self._session.endpoint.paths.datagram

    @property
    def stream_socket_path(self) -> str | None:
        """The path of the Unix stream socket; None if the system has none."""
        return self._session.endpoint.paths.stream

    @property
    def metrics(self) -> tuple[Sample, ...]:
        """The metric lines received so far, in order; this does not wait."""
        return self._received.metrics

    @property
    def events(self) -> tuple[Event, ...]:
        """The events received so far."""
        return self._received.events

    @property
    def service_checks(self) -> tuple[ServiceCheck, ...]:
        """The service checks received so far."""
        return self._received.service_checks

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The lines that were rejected so far."""
        return self._received.rejected

    @property
    def telemetry(self) -> tuple[Sample, ...]:
        """What Datadog's clients reported about themselves so far.

        It is kept apart from `metrics`, and no assertion counts it, unless you run
        pytest with ``--dogstatsd-telemetry``.
        """
        return self._received.telemetry

    @property
    def late(self) -> Received:
        """What arrived between the previous test and this one.

        No assertion counts it.
        """
        return self._session.recorder.late

    @property
    def flushed(self) -> Sequence[Snapshot]:
        """In a Trio test, what the server has aggregated: one snapshot per bucket.

        In other tests there are none.
        """
        return self._session.flushed

    def ledger(self) -> Ledger:
        """Return the server's ledger, which covers all tests so far."""
        return self._session.read_ledger()

    def settle(self, timeout: float | None = None) -> _Done:
        """Wait until everything sent so far, over any socket, is received.

        Use this before plain assertions on `metrics` and the like. What a client still
        holds in its own buffer has not been sent.
        """
        __tracebackhide__ = True
        return self._check(partial(self._checks.settle, timeout))

    def snapshot(self, mask: bool | Iterable[str] = ()) -> _Text:
        """Return everything sent so far as sorted text, one line per metric.

        Args:
            mask: the metrics whose values are written as ``*``: a list of patterns for
                names, or True for all.
        """
        __tracebackhide__ = True
        return self._write(partial(self._checks.write_snapshot, mask))

    def assert_counter(
        self,
        name: str,
        value: object = ANY,
        *,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for a counter whose total is *value*, with sample rates considered."""
        __tracebackhide__ = True
        figure = Total(value)
        return self._wait_for(
            MetricExpectation(name, MetricType.COUNTER, tags, figure), timeout
        )

    def assert_gauge(
        self,
        name: str,
        value: object = ANY,
        *,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for a gauge whose last value is *value*."""
        __tracebackhide__ = True
        figure = LastValue(value)
        return self._wait_for(
            MetricExpectation(name, MetricType.GAUGE, tags, figure), timeout
        )

    def assert_set(
        self,
        name: str,
        members: object = ANY,
        *,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for a set with exactly *members*; a number says how many."""
        __tracebackhide__ = True
        figure = Members(members)
        return self._wait_for(
            MetricExpectation(name, MetricType.SET, tags, figure), timeout
        )

    def assert_histogram(
        self,
        name: str,
        *,
        count: object = ANY,
        between: tuple[float, float] | None = None,
        values: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for a histogram's values: how many, within which bounds, or which.

        *values* is a list in the order of arrival.
        """
        __tracebackhide__ = True
        figure = Values(count, between, values)
        return self._wait_for(
            MetricExpectation(name, MetricType.HISTOGRAM, tags, figure), timeout
        )

    def assert_timing(
        self,
        name: str,
        *,
        count: object = ANY,
        between: tuple[float, float] | None = None,
        values: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for a timing's values, in milliseconds, as `assert_histogram`."""
        __tracebackhide__ = True
        figure = Values(count, between, values)
        return self._wait_for(
            MetricExpectation(name, MetricType.TIMER, tags, figure), timeout
        )

    def assert_distribution(
        self,
        name: str,
        *,
        count: object = ANY,
        between: tuple[float, float] | None = None,
        values: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for a distribution's values, as `assert_histogram`."""
        __tracebackhide__ = True
        figure = Values(count, between, values)
        return self._wait_for(
            MetricExpectation(name, MetricType.DISTRIBUTION, tags, figure), timeout
        )

    def assert_event(
        self,
        *,
        title: object = ANY,
        text: object = ANY,
        alert_type: object = ANY,
        priority: object = ANY,
        aggregation_key: object = ANY,
        source_type_name: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for an event with these fields."""
        __tracebackhide__ = True
        expectation = expect_event(
            tags,
            title=title,
            text=text,
            alert_type=alert_type,
            priority=priority,
            aggregation_key=aggregation_key,
            source_type_name=source_type_name,
        )
        return self._wait_for(expectation, timeout)

    def assert_service_check(
        self,
        name: str,
        status: object = ANY,
        *,
        message: object = ANY,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Wait for a service check; *status* is a number or a name such as ``ok``."""
        __tracebackhide__ = True
        expectation = expect_service_check(name, status, message, tags)
        return self._wait_for(expectation, timeout)

    def assert_none(
        self,
        name: str | None = None,
        *,
        tags: Tags = None,
        timeout: float | None = None,
    ) -> _Done:
        """Check that no metric *name* was sent so far; without a name, nothing at all.

        This does not wait for time to pass: markers sent through each socket show that
        everything sent before has been read.
        """
        __tracebackhide__ = True
        expectation = NothingExpectation(name, tags)
        return self._check(partial(self._checks.check_nothing, expectation, timeout))

    def assert_valid(self) -> _Done:
        """Check that no line sent so far was rejected."""
        __tracebackhide__ = True
        return self._check(self._checks.check_valid)

    def assert_lossless(self) -> _Done:
        """Check in the ledger that nothing sent in this test was lost."""
        __tracebackhide__ = True
        return self._check(self._checks.check_lossless)

    @property
    def _received(self) -> Received:
        return self._session.recorder.read()

    def _wait_for(self, expectation: Expectation, timeout: float | None) -> _Done:
        __tracebackhide__ = True
        return self._check(partial(self._checks.wait_for, expectation, timeout))


DogStatsd: TypeAlias = Fixture[None, str]
AsyncDogStatsd: TypeAlias = Fixture[Coroutine[Any, Any, None], Coroutine[Any, Any, str]]


def make_fixture(session: Session) -> DogStatsd:
    """Return a fixture whose assertions wait in the thread of the test."""
    return Fixture(session, run_now, run_now)


def make_async_fixture(session: Session, calls: Calls) -> AsyncDogStatsd:
    """Return a fixture whose assertions must be awaited."""
    return Fixture(session, calls.start, calls.start)

"""Record what arrives at the server, for the test in which it arrives."""

import contextlib
import threading
from collections.abc import Callable, Generator
from typing import Final

import attrs

from statsd_trio import Config, ParseError
from statsd_trio.errors import Reason
from statsd_trio.protocol import Event, MetricType, Sample, ServiceCheck
from statsd_trio.transports.packet import Origin

_MARKER: Final = "pytest_statsd_trio.marker"

# Datadog's clients send metrics about themselves with a flush that comes ten seconds or
# more after the previous one. Source: datadogpy 0.56.0, datadog/dogstatsd/base.py.
TELEMETRY_PREFIX: Final = "datadog.dogstatsd.client."


@attrs.frozen
class Rejected:
    """A line that DogStatsD does not allow.

    Attributes:
        line: the line as it was sent.
        column: the offset of the first wrong byte, in bytes and counted from 0.
        sender: the sender as text for people; "" if the transport does not know it.
    """

    line: bytes
    reason: Reason
    column: int
    message: str
    sender: str = ""


@attrs.frozen
class Received:
    """Everything that arrived during some time, in the order of arrival.

    Attributes:
        telemetry: what clients report about themselves; it is not in the other
            attributes.
    """

    metrics: tuple[Sample, ...] = ()
    events: tuple[Event, ...] = ()
    service_checks: tuple[ServiceCheck, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    telemetry: tuple[Sample, ...] = ()

    def __len__(self) -> int:
        return (
            len(self.metrics)
            + len(self.events)
            + len(self.service_checks)
            + len(self.rejected)
        )


def format_marker(transport: str, number: int) -> bytes:
    """Return the marker that a recorder notes as *number* of *transport*."""
    return f"{_MARKER}:{number}|{MetricType.GAUGE}|#{transport}".encode()


class Recorder:
    """Records what arrives, through the server's hooks.

    It is filled by the server's thread and read by the test's. Markers, which a waiter
    sends, are noted and dropped, so that a test never sees them.

    Args:
        notify: called by the server's thread after each arrival and each marker.
        counts_telemetry: whether to keep the telemetry of clients among the metrics,
            instead of apart from them.
    """

    def __init__(
        self, notify: Callable[[], object], *, counts_telemetry: bool = False
    ) -> None:
        self._notify = notify
        self._counts_telemetry = counts_telemetry
        self._lock = threading.Lock()
        self._late = Received()
        self._arrivals = 0
        self._markers: dict[str, int] = {}
        self._clear()

    def make_config(
        self, socket_path: str | None, stream_socket_path: str | None
    ) -> Config:
        """Return the configuration of a server that uses this recorder as its hooks."""
        return Config(
            host="127.0.0.1",
            port=0,
            socket_path=socket_path,
            stream_socket_path=stream_socket_path,
            sinks=(),
            self_metrics=False,
            # A test waits for what it sent.
            max_rest_seconds=0,
            on_sample=self.take_sample,
            on_event=self.take_event,
            on_rejected=self.take_rejected,
        )

    def take_sample(self, sample: Sample) -> Sample | None:
        """Keep *sample*; return None for a marker, which the server then drops."""
        if sample.name == _MARKER and sample.type is MetricType.GAUGE:
            transport = sample.tags[0] if sample.tags else ""
            self._markers[transport] = int(sample.values[-1])
            self._notify()
            return None
        is_telemetry = sample.name.startswith(TELEMETRY_PREFIX)
        with self._arriving():
            if is_telemetry and not self._counts_telemetry:
                self._telemetry.append(sample)
            else:
                self._metrics.append(sample)
        return sample

    def take_event(self, message: Event | ServiceCheck) -> None:
        """Keep an event or a service check."""
        with self._arriving():
            if isinstance(message, Event):
                self._events.append(message)
            else:
                self._service_checks.append(message)

    def take_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """Keep a rejected line."""
        with self._arriving():
            self._rejected.append(
                Rejected(line, error.reason, error.column, error.message, origin.sender)
            )

    @property
    def arrivals(self) -> int:
        """How many messages have arrived, in all tests."""
        return self._arrivals

    @property
    def late(self) -> Received:
        """What arrived between the previous test and this one."""
        return self._late

    def read(self) -> Received:
        """Return what has arrived in this test."""
        with self._lock:
            return self._read()

    def begin(self) -> None:
        """Begin a test; what has arrived since `end` becomes *late*."""
        with self._lock:
            self._late = self._read()
            self._clear()

    def end(self) -> None:
        """End a test and forget its messages; what arrives from here on is late."""
        with self._lock:
            self._clear()

    def has_passed(self, transport: str, number: int) -> bool:
        """Return whether marker *number* of *transport* has arrived, or a later one."""
        return self._markers.get(transport, 0) >= number

    def _read(self) -> Received:
        return Received(
            tuple(self._metrics),
            tuple(self._events),
            tuple(self._service_checks),
            tuple(self._rejected),
            tuple(self._telemetry),
        )

    def _clear(self) -> None:
        self._metrics: list[Sample] = []
        self._events: list[Event] = []
        self._service_checks: list[ServiceCheck] = []
        self._rejected: list[Rejected] = []
        self._telemetry: list[Sample] = []

    @contextlib.contextmanager
    def _arriving(self) -> Generator[None]:
        with self._lock:
            yield
            self._arrivals += 1
        self._notify()

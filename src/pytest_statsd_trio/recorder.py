"""The server's hooks: each message is kept for the test in which it arrived.

A recorder is filled by the server's thread and read by the test's. Markers, which a
barrier sends, are noted and dropped, so that a test never sees them.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from pytest_statsd_trio.received import Received, Rejected
from statsd_trio import Config, ParseError
from statsd_trio.protocol import Event, MetricType, Sample, ServiceCheck
from statsd_trio.transports.packet import Origin

_MARKER: Final = "pytest_statsd_trio.marker"

# Datadog's clients send metrics of themselves with a flush that comes ten seconds or
# more after the one before. Source: datadogpy 0.56.0, datadog/dogstatsd/base.py.
TELEMETRY_PREFIX: Final = "datadog.dogstatsd.client."


def format_marker(transport: str, number: int) -> bytes:
    """Write the marker that a recorder notes as *number* of *transport*."""
    return f"{_MARKER}:{number}|{MetricType.GAUGE}|#{transport}".encode()


class Recorder:
    """Keeps what arrives, and tells who waits for it.

    Args:
        notify: called by the server's thread after each arrival and marker.
        counts_telemetry: keep the telemetry of clients among the metrics, and not
            apart from them.
    """

    def __init__(
        self,
        notify: Callable[[], object] | None = None,
        *,
        counts_telemetry: bool = False,
    ) -> None:
        self._notify = notify
        self._counts_telemetry = counts_telemetry
        self._condition = threading.Condition()
        self._late = Received()
        self._arrivals = 0
        self._markers: dict[str, int] = {}
        self._clear()

    def make_config(
        self, socket_path: str | None, stream_socket_path: str | None
    ) -> Config:
        """Configure a server that this recorder listens in on."""
        return Config(
            host="127.0.0.1",
            port=0,
            socket_path=socket_path,
            stream_socket_path=stream_socket_path,
            sinks=(),
            self_metrics=False,
            on_sample=self.take_sample,
            on_event=self.take_event,
            on_rejected=self.take_rejected,
        )

    def take_sample(self, sample: Sample) -> Sample | None:
        """Keep *sample*; None for a marker, which the server then drops."""
        with self._condition:
            if sample.name == _MARKER and sample.type is MetricType.GAUGE:
                self._markers[sample.tags[0] if sample.tags else ""] = int(
                    sample.values[-1]
                )
                self._tell()
                return None
            is_telemetry = sample.name.startswith(TELEMETRY_PREFIX)
            if is_telemetry and not self._counts_telemetry:
                self._telemetry.append(sample)
            else:
                self._metrics.append(sample)
            self._count()
        return sample

    def take_event(self, message: Event | ServiceCheck) -> None:
        """Keep an event or a service check."""
        with self._condition:
            if isinstance(message, Event):
                self._events.append(message)
            else:
                self._service_checks.append(message)
            self._count()

    def take_rejected(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """Keep a line that was refused."""
        with self._condition:
            self._rejected.append(
                Rejected(line, error.reason, error.column, error.message, origin.sender)
            )
            self._count()

    @property
    def arrivals(self) -> int:
        """How many messages have arrived, of all tests."""
        return self._arrivals

    @property
    def late(self) -> Received:
        """What arrived between the former test and this one."""
        return self._late

    def read(self) -> Received:
        """Read what has arrived in this test."""
        with self._condition:
            return Received(
                tuple(self._metrics),
                tuple(self._events),
                tuple(self._service_checks),
                tuple(self._rejected),
                tuple(self._telemetry),
            )

    def begin(self) -> None:
        """Set what has arrived since `end` apart, and begin a test with nothing."""
        with self._condition:
            self._late = self.read()
            self._clear()

    def end(self) -> None:
        """Forget a test; what comes from here on is late."""
        with self._condition:
            self._clear()

    def has_passed(self, markers: Mapping[str, int]) -> bool:
        """Tell whether all of *markers*, numbers by transport, have arrived."""
        return all(
            self._markers.get(transport, 0) >= number
            for transport, number in markers.items()
        )

    def wait_for_arrival(self, arrivals: int, deadline: float) -> bool:
        """Wait until more than *arrivals* have arrived; False at *deadline*."""
        return self._wait(lambda: self._arrivals > arrivals, deadline)

    def wait_for_markers(self, markers: Mapping[str, int], deadline: float) -> bool:
        """Wait until all of *markers* have arrived; False at *deadline*."""
        return self._wait(lambda: self.has_passed(markers), deadline)

    def _wait(self, predicate: Callable[[], bool], deadline: float) -> bool:
        with self._condition:
            return self._condition.wait_for(
                predicate, max(0.0, deadline - time.monotonic())
            )

    def _clear(self) -> None:
        self._metrics: list[Sample] = []
        self._events: list[Event] = []
        self._service_checks: list[ServiceCheck] = []
        self._rejected: list[Rejected] = []
        self._telemetry: list[Sample] = []

    def _count(self) -> None:
        self._arrivals += 1
        self._tell()

    def _tell(self) -> None:
        self._condition.notify_all()
        if self._notify is not None:
            self._notify()

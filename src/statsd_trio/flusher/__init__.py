"""Send one snapshot per interval, including the server's own metrics."""

from statsd_trio.flusher.flusher import Flusher
from statsd_trio.flusher.telemetry import Telemetry

__all__ = ["Flusher", "Telemetry"]

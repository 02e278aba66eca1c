"""Each interval one snapshot, with the server's own metrics, to every destination."""

from statsd_trio.flusher.flusher import Flusher
from statsd_trio.flusher.telemetry import Telemetry

__all__ = ["Flusher", "Telemetry"]

"""A DogStatsD server for Python, on Trio, with a ledger that balances."""

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.config import Config, Secret, load_config
from statsd_trio.errors import ConfigError, ParseError, Reason
from statsd_trio.ledger import Ledger
from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    MetricType,
    Sample,
    ServiceCheck,
    ServiceStatus,
)
from statsd_trio.rules.mapper import MapperProfile, MetricMapping
from statsd_trio.rules.tagfilter import TagFilterEntry
from statsd_trio.server import Server, serve
from statsd_trio.sinks.sink import Sink, SinkError
from statsd_trio.thread import ServerThread
from statsd_trio.transports.packet import Origin
from statsd_trio.version import __version__

__all__ = [
    "ClientOrigin",
    "Config",
    "ConfigError",
    "Event",
    "Ledger",
    "MapperProfile",
    "MetricMapping",
    "MetricType",
    "Origin",
    "ParseError",
    "Reason",
    "Sample",
    "Secret",
    "Server",
    "ServerThread",
    "ServiceCheck",
    "ServiceStatus",
    "Sink",
    "SinkError",
    "Snapshot",
    "TagFilterEntry",
    "__version__",
    "load_config",
    "serve",
]

"""A DogStatsD server for Python, on Trio, with a ledger that balances.

The public names are those that `statsd_trio`, `statsd_trio.dev`,
`statsd_trio.mock_intake`, `statsd_trio.protocol`, `statsd_trio.testing` and
`pytest_statsd_trio` list in their ``__all__``. Everything else is internal and may
change.
"""

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
    SnapshotPoints,
)
from statsd_trio.config import Config, Secret, load_config
from statsd_trio.errors import ConfigError, ParseError, Reason
from statsd_trio.ingest import Watcher
from statsd_trio.ledger import (
    ContextsLedger,
    ForwardLedger,
    Ledger,
    LinesLedger,
    ListenerLedger,
    MemoryLedger,
    QueueLedger,
    RouteLedger,
    SamplesLedger,
    SinkLedger,
)
from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    MetricType,
    Sample,
    ServiceCheck,
    ServiceStatus,
)
from statsd_trio.rules import Rules
from statsd_trio.rules.mapper import MapperProfile, MetricMapping
from statsd_trio.rules.tag_filter import TagFilterEntry
from statsd_trio.server import Server, serve
from statsd_trio.sinks.sink import Sink, SinkError
from statsd_trio.thread import ServerThread
from statsd_trio.transports.packet import Origin
from statsd_trio.version import __version__

__all__ = [
    "ClientOrigin",
    "Config",
    "ConfigError",
    "ContextRanking",
    "ContextsLedger",
    "Event",
    "ForwardLedger",
    "Ledger",
    "LinesLedger",
    "ListenerLedger",
    "MapperProfile",
    "MemoryLedger",
    "MetricMapping",
    "MetricType",
    "Origin",
    "ParseError",
    "Point",
    "QueueLedger",
    "Reason",
    "RouteLedger",
    "Rules",
    "Sample",
    "SamplesLedger",
    "Secret",
    "Series",
    "SeriesType",
    "Server",
    "ServerThread",
    "ServiceCheck",
    "ServiceStatus",
    "Sink",
    "SinkError",
    "SinkLedger",
    "Sketch",
    "SketchPoint",
    "Snapshot",
    "SnapshotPoints",
    "TagFilterEntry",
    "Watcher",
    "__version__",
    "load_config",
    "serve",
]

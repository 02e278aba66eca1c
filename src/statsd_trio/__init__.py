"""A DogStatsD server for Python, on Trio, with a ledger that balances."""

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.config import Config, load_config
from statsd_trio.errors import ConfigError, IntakeError, ParseError, Reason
from statsd_trio.ledger import Ledger
from statsd_trio.server import Server, serve
from statsd_trio.thread import ServerThread
from statsd_trio.version import __version__

__all__ = [
    "Config",
    "ConfigError",
    "IntakeError",
    "Ledger",
    "ParseError",
    "Reason",
    "Server",
    "ServerThread",
    "Snapshot",
    "__version__",
    "load_config",
    "serve",
]

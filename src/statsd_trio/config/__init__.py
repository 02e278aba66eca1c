"""The configuration of a server: one frozen `Config`, read from any source."""

from statsd_trio.config.config import Config
from statsd_trio.config.load import SourcedConfig, load_config, load_sourced_config
from statsd_trio.config.problems import find_problems
from statsd_trio.config.secret import Secret

__all__ = [
    "Config",
    "Secret",
    "SourcedConfig",
    "find_problems",
    "load_config",
    "load_sourced_config",
]

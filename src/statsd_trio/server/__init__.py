"""Run a server: connect all stages, from the sockets to the last delivery."""

from statsd_trio.server.files import find_unusable
from statsd_trio.server.server import Server, serve
from statsd_trio.server.settings import find_rule_warnings

__all__ = ["Server", "find_rule_warnings", "find_unusable", "serve"]

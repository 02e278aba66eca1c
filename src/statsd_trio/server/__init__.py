"""The server: every stage joined, from bind to the last delivery."""

from statsd_trio.server.files import find_unusable_files
from statsd_trio.server.server import Server, serve

__all__ = ["Server", "find_unusable_files", "serve"]

"""The server: every stage joined, from bind to the last delivery."""

from statsd_trio.server.server import Server, serve

__all__ = ["Server", "serve"]

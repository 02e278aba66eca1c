"""HTTP/1.1 for a few clients: pages that show a server, and a stand-in for an intake.

What makes it small: there is no TLS, no HTTP/2, no compression and one request at a
time on a connection. What makes it safe to leave open: every buffer, wait and rate has
a bound (`Limits`), and a page that is costly to make is made once for all who ask
(`Pages`).
"""

from statsd_trio.web.connection import ClientLeftError, Request
from statsd_trio.web.messages import Answer
from statsd_trio.web.pages import Page, Pages
from statsd_trio.web.server import Handler, Limits, serve_web

__all__ = [
    "Answer",
    "ClientLeftError",
    "Handler",
    "Limits",
    "Page",
    "Pages",
    "Request",
    "serve_web",
]

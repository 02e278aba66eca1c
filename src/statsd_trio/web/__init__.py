"""Serve HTTP to a few clients: Starlette applications on hypercorn, within limits.

This is for pages that show a server, and for a stand-in for an intake. It needs the
extra ``http``. It is safe to leave open for three reasons: it speaks only HTTP/1.1,
with one request at a time per connection; every buffer, wait and rate has a limit
(`Limits`); and a page that is costly to make is made once for everybody who asks for it
(`Page`).
"""

from statsd_trio.web.connection import Connection
from statsd_trio.web.limits import Limits
from statsd_trio.web.pages import Page, make_application, wait_left
from statsd_trio.web.responses import JsonResponse, PiecesResponse
from statsd_trio.web.server import serve_web

__all__ = [
    "Connection",
    "JsonResponse",
    "Limits",
    "Page",
    "PiecesResponse",
    "make_application",
    "serve_web",
    "wait_left",
]

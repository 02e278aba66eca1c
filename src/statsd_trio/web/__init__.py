"""HTTP for a few clients: Starlette's applications on hypercorn, within limits.

It serves pages that show a server, and a stand-in for an intake. It needs the extra
``http``. What makes it safe to leave open: it speaks HTTP/1.1 alone, one request at a
time on a connection; every buffer, wait and rate has a bound (`Limits`); and a page
that is costly to make is made once for all who ask (`Page`).
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

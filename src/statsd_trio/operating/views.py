"""What is served over HTTP: health, metrics, the ledger, the costly names.

Needs the extra ``http``. Nothing here changes a server, and no view takes an argument
that makes it work more than a small answer does.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from statsd_trio.ledger import Ledger
from statsd_trio.operating.openmetrics import CONTENT_TYPE, render_openmetrics


@attrs.frozen
class NameUsage:
    """How many contexts one metric has, and why.

    Attributes:
        tag_values: for each tag key, how many values it has; most first.
    """

    name: str
    contexts: int
    tag_values: Mapping[str, int]


class ObservedServer(Protocol):
    """What the views ask of a server."""

    def ledger(self) -> Ledger:
        """Tell what became of everything."""
        ...

    def find_unready(self) -> Sequence[str]:
        """Tell why it cannot do its work, a line each."""
        ...

    def find_largest_names(self) -> Sequence[NameUsage]:
        """Tell which names have most contexts, most first; a screenful at most."""
        ...


def make_application(server: ObservedServer) -> Starlette:
    """Make the ASGI application that shows *server*."""

    async def show_health(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def show_readiness(_request: Request) -> Response:
        reasons = list(server.find_unready())
        body = {"ready": not reasons, "reasons": reasons}
        return JSONResponse(body, status_code=503 if reasons else 200)

    async def show_metrics(_request: Request) -> Response:
        text = render_openmetrics(server.ledger())
        return Response(text, media_type=CONTENT_TYPE)

    async def show_ledger(_request: Request) -> Response:
        return JSONResponse(attrs.asdict(server.ledger()))

    async def show_contexts(_request: Request) -> Response:
        return JSONResponse(
            [attrs.asdict(name) for name in server.find_largest_names()]
        )

    return Starlette(
        routes=[
            Route("/healthz", show_health),
            Route("/readyz", show_readiness),
            Route("/metrics", show_metrics),
            Route("/ledger", show_ledger),
            Route("/contexts", show_contexts),
        ]
    )

"""What is served over HTTP: health, metrics, the ledger, the costly names.

Needs the extra ``http``. Nothing here changes a server, and no view takes an argument
that makes it work more than a small answer does.
"""

from typing import Any

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.operating.observed import ObservedServer
from statsd_trio.operating.openmetrics import CONTENT_TYPE, render_openmetrics


def make_application(server: ObservedServer) -> Starlette:
    """Make the ASGI application that shows *server*."""

    async def show_health(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def show_readiness(_request: Request) -> Response:
        reasons = list(server.find_unready())
        body = {
            "ready": not reasons,
            "reasons": reasons,
            "conditions": dict(server.find_conditions()),
        }
        return JSONResponse(body, status_code=503 if reasons else 200)

    async def show_metrics(_request: Request) -> Response:
        text = render_openmetrics(server.ledger(), is_ready=not server.find_unready())
        return Response(text, media_type=CONTENT_TYPE)

    async def show_ledger(_request: Request) -> Response:
        return JSONResponse(attrs.asdict(server.ledger()))

    async def show_contexts(_request: Request) -> Response:
        return JSONResponse(_describe_ranking(await server.rank_contexts()))

    return Starlette(
        routes=[
            Route("/healthz", show_health),
            Route("/readyz", show_readiness),
            Route("/metrics", show_metrics),
            Route("/ledger", show_ledger),
            Route("/contexts", show_contexts),
        ]
    )


def _describe_ranking(ranking: ContextRanking) -> dict[str, Any]:
    """Make JSON of it; most first."""
    return {
        "names": [
            {"name": name, "contexts": contexts, "tag_values": dict(tag_keys)}
            for (name, contexts), tag_keys in zip(
                ranking.names, ranking.tag_keys_of_names, strict=True
            )
        ],
        "tag_values": dict(ranking.tag_keys),
    }

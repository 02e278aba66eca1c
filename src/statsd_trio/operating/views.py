"""The views that are served over HTTP: health, metrics, ledger, most used names.

They need the extra ``http``. Nothing here changes a server, and no view takes an
argument that could make it work harder. However many clients ask, each view is made
about once per second.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs
import trio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.operating.openmetrics import CONTENT_TYPE, render_openmetrics
from statsd_trio.operating.viewed_server import ViewedServer
from statsd_trio.version import __version__
from statsd_trio.web import JsonResponse, Limits, Page, make_application

# Enough for some monitors, a person, and connections that were left open. What they can
# ask for together is a small part of the server's work: a request takes about half a
# millisecond.
LIMITS: Final = Limits(
    max_connections=32,
    # No view uses a body, but a client that sends one still gets an answer.
    max_body_bytes=1024 * 1024,
    idle_seconds=30.0,
    write_seconds=30.0,
    connections_per_second=100.0,
    answers_per_second=100.0,
)

_INDEX: Final = f"""\
statsd-trio {__version__}

/healthz   answers as long as the server runs
/readyz    whether it can do its work, and why not; its version and uptime
/metrics   the ledger as OpenMetrics, for Prometheus
/ledger    what became of every packet, line, sample and point, as JSON
/contexts  the names with most contexts and the tags with most values, as JSON

`statsd-trio status` and `statsd-trio top` show the same in a terminal.
"""


def make_views(server: ViewedServer) -> Starlette:
    """Return the views of *server*."""
    started = trio.current_time()

    def show_index() -> Response:
        return PlainTextResponse(_INDEX)

    def show_health() -> Response:
        return PlainTextResponse("alive\n")

    def show_readiness() -> Response:
        reasons = list(server.find_unready())
        body = {
            "ready": not reasons,
            "reasons": reasons,
            "conditions": dict(server.find_conditions()),
            "version": __version__,
            "uptime_seconds": trio.current_time() - started,
        }
        return JsonResponse(body, 503 if reasons else 200)

    def show_metrics() -> Response:
        text = render_openmetrics(server.ledger(), is_ready=not server.find_unready())
        return Response(text, media_type=CONTENT_TYPE)

    def show_ledger() -> Response:
        return JsonResponse(attrs.asdict(server.ledger()))

    async def show_contexts() -> Response:
        return JsonResponse(_describe_ranking(await server.rank_contexts()))

    return make_application(
        {
            "/": _make_page(show_index),
            "/healthz": _make_page(show_health),
            "/readyz": _make_page(show_readiness),
            "/metrics": _make_page(show_metrics),
            "/ledger": _make_page(show_ledger),
            "/contexts": Page(show_contexts),
        }
    )


def _make_page(show: Callable[[], Response]) -> Page:
    async def make_answer() -> Response:
        await trio.lowlevel.checkpoint()
        return show()

    return Page(make_answer)


def _describe_ranking(ranking: ContextRanking) -> dict[str, Any]:
    """Return the ranking as JSON values, the largest first."""
    return {
        "names": [
            {"name": name, "contexts": contexts, "tag_values": dict(tag_keys)}
            for (name, contexts), tag_keys in zip(
                ranking.names, ranking.tag_keys_of_names, strict=True
            )
        ],
        "tag_values": dict(ranking.tag_keys),
    }

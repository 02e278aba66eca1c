"""What is served over HTTP: health, metrics, the ledger, the costly names.

Nothing here changes a server, and no view takes an argument that makes it work more
than a small answer does. However many ask, each view is made about once a second.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs
import trio

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.operating.observed import ObservedServer
from statsd_trio.operating.openmetrics import CONTENT_TYPE, render_openmetrics
from statsd_trio.web import Answer, Limits, Page, Pages

# A monitor or two, a person, and some that forgot to leave. What they ask for together
# is a small part of what the server does: a request costs about half a millisecond.
LIMITS: Final = Limits(
    max_connections=32,
    idle_seconds=30.0,
    write_seconds=30.0,
    connections_per_second=100.0,
    answers_per_second=100.0,
)


def make_pages(server: ObservedServer) -> Pages:
    """Make the views of *server*."""

    def show_health() -> Answer:
        return Answer.text("alive\n")

    def show_readiness() -> Answer:
        reasons = list(server.find_unready())
        body = {
            "ready": not reasons,
            "reasons": reasons,
            "conditions": dict(server.find_conditions()),
        }
        return Answer.json(body, 503 if reasons else 200)

    def show_metrics() -> Answer:
        text = render_openmetrics(server.ledger(), is_ready=not server.find_unready())
        return Answer(media_type=CONTENT_TYPE, pieces=(text.encode(),))

    def show_ledger() -> Answer:
        return Answer.json(attrs.asdict(server.ledger()))

    async def show_contexts() -> Answer:
        return Answer.json(_describe_ranking(await server.rank_contexts()))

    return Pages(
        {
            "/healthz": _make_page(show_health),
            "/readyz": _make_page(show_readiness),
            "/metrics": _make_page(show_metrics),
            "/ledger": _make_page(show_ledger),
            "/contexts": Page(show_contexts),
        }
    )


def _make_page(show: Callable[[], Answer]) -> Page:
    async def make_answer() -> Answer:
        await trio.lowlevel.checkpoint()
        return show()

    return Page(make_answer)


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

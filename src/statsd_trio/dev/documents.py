"""Make one JSON document for each view, in small steps, and keep it for a while."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import trio

from statsd_trio.dev.cardinality import describe_cardinality
from statsd_trio.dev.detail import describe_metric
from statsd_trio.dev.flow import describe_flow
from statsd_trio.dev.json_pieces import write_json
from statsd_trio.dev.listing import list_metrics
from statsd_trio.dev.page_model import PageModel
from statsd_trio.dev.query import Query
from statsd_trio.pace import Pace

VIEWS: Final = (
    "state",
    "metrics",
    "metric",
    "feed",
    "rejected",
    "cardinality",
    "flow",
)

# A costly document is not made again before this many times as long as it took, so that
# documents keep the event loop busy only for a small part of the time.
_REST_TIMES: Final = 10.0
_KEPT_DOCUMENTS: Final = 32


class UnknownMetricError(Exception):
    """The requested metric is not known."""


@attrs.frozen
class Document:
    """A view as JSON.

    Attributes:
        revision: differs from that of every earlier state of the view.
        body: the JSON text.
    """

    revision: str
    body: bytes


@attrs.define
class _Kept:
    document: Document
    fresh_until: float


class Documents:
    """Makes documents one at a time, and keeps those that were requested last."""

    def __init__(self, model: PageModel) -> None:
        self._model = model
        self._lock = trio.Lock()
        self._kept: OrderedDict[tuple[str, Query], _Kept] = OrderedDict()

    def read_revision(self, view: str) -> str:
        """Return the current revision of *view*."""
        return f"{self._model.boot}-{self._model.count_changes(view)}"

    async def get(self, view: str, query: Query) -> Document:
        """Return the document of *view*, as it is now or was a moment ago.

        Raises:
            UnknownMetricError: if there is no metric with the name in *query*.
        """
        async with self._lock:
            revision = self.read_revision(view)
            kept = self._kept.get((view, query))
            if kept is not None and (
                kept.document.revision == revision
                or trio.current_time() < kept.fresh_until
            ):
                return kept.document
            began = trio.current_time()
            document = await self._make(view, query, revision)
            ended = trio.current_time()
            fresh_until = ended + _REST_TIMES * (ended - began)
            self._kept[view, query] = _Kept(document, fresh_until)
            self._kept.move_to_end((view, query))
            if len(self._kept) > _KEPT_DOCUMENTS:
                self._kept.popitem(last=False)
            return document

    async def _make(self, view: str, query: Query, revision: str) -> Document:
        model = self._model
        found: dict[str, Any] = {
            "revision": revision,
            "now": model.now,
            "paused": model.paused_at is not None,
        }
        pieces: list[str] = []
        pace = Pace()
        await pace.run(self._describe(view, query, found))
        await pace.run(write_json(found, pieces))
        return Document(revision, "".join(pieces).encode("utf-8", "backslashreplace"))

    def _describe(
        self, view: str, query: Query, found: dict[str, Any]
    ) -> Iterator[None]:
        model = self._model
        now = model.now
        describe: dict[str, Callable[[], Iterator[None]]] = {
            "state": lambda: _at_once(found, model.describe_state()),
            "metrics": lambda: list_metrics(model.recorder.metrics, query, now, found),
            "metric": lambda: self._describe_metric(query, now, found),
            "feed": lambda: model.feed.describe(
                query.kind, query.q, query.limit, found
            ),
            "rejected": lambda: model.rejected.describe(
                query.q, query.offset, query.limit, now, found
            ),
            "cardinality": lambda: describe_cardinality(
                model.recorder.metrics, query, model.config, found
            ),
            "flow": lambda: _at_once(
                found, describe_flow(model.read_ledger(), model.rates, now)
            ),
        }
        return describe[view]()

    def _describe_metric(
        self, query: Query, now: float, found: dict[str, Any]
    ) -> Iterator[None]:
        model = self._model
        metric = model.recorder.metrics.get(query.name)
        if metric is None or not metric.kinds:
            raise UnknownMetricError(f"no metric named {query.name!r} was received yet")
        yield from describe_metric(
            metric,
            model.recorder.received,
            model.snapshot,
            model.config,
            query,
            now,
            min(int(now), model.recorder.second),
            found,
        )


def _at_once(found: dict[str, Any], described: dict[str, Any]) -> Iterator[None]:
    found.update(described)
    yield

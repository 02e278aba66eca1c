"""The page as an ASGI application: its files, its documents, and its actions."""

import functools
from collections.abc import Awaitable, Callable
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from statsd_trio.dev.documents import VIEWS, Documents, UnknownMetricError
from statsd_trio.dev.export import Export, list_exports
from statsd_trio.dev.guard import Guard
from statsd_trio.dev.page_model import PageModel
from statsd_trio.dev.query import Query, QueryError, read_query
from statsd_trio.dev.stream import Stream
from statsd_trio.web import JsonResponse, Limits, make_application

# Enough for a few tabs, and for some that were left open.
LIMITS: Final = Limits(
    max_connections=64,
    max_body_bytes=64 * 1024,
    idle_seconds=30.0,
    write_seconds=30.0,
    connections_per_second=200.0,
    answers_per_second=200.0,
)
MAX_STREAMS: Final = 16
# A client that does not read keeps its place until it is closed.
MAX_EXPORTS: Final = 4

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_MAX_DEPTH: Final = 5


def make_dev_application(model: PageModel, host: str) -> ASGIApp:
    """Return the application that shows *model*.

    Args:
        model: provides everything that is shown.
        host: the host name that was chosen for the page.
    """
    pages = _Pages(model)
    routes = [
        _get("/", pages.show_index),
        _get("/favicon.ico", pages.show_icon),
        _get("/page/{path:path}", pages.show_file),
        _get("/api/schemas/{view}.json", pages.show_schema),
        _get("/api/stream", pages.open_stream),
        _get("/api/export/{name}", pages.export),
        *(
            _get(f"/api/{view}", functools.partial(pages.show_document, view))
            for view in VIEWS
        ),
        _post("/api/pause", functools.partial(pages.change, model.pause)),
        _post("/api/resume", functools.partial(pages.change, model.resume)),
        _post("/api/clear", functools.partial(pages.change, model.clear)),
    ]
    return Guard(make_application({}, routes), host)


def _get(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, _Endpoint(answer), methods=["GET"])


def _post(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, _Endpoint(answer), methods=["POST"])


class _Endpoint:
    """Wraps a function that answers requests as an ASGI application."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(Request(scope, receive))
        except QueryError as error:
            answer = JsonResponse({"error": str(error)}, 400)
        except UnknownMetricError as error:
            answer = JsonResponse({"error": str(error)}, 404)
        except ClientDisconnect:
            # Either the client has left, or the body is too long, which the web server
            # answers.
            return
        await answer(scope, receive, send)


class _Pages:
    def __init__(self, model: PageModel) -> None:
        self._documents = Documents(model)
        self._exports = list_exports(model)
        self._streams = _AnswerLimit(MAX_STREAMS, "streams")
        self._files = _AnswerLimit(MAX_EXPORTS, "exports")

    async def show_index(self, _: Request) -> Response:
        return await _show_file("page", "index.html")

    async def show_icon(self, _: Request) -> Response:
        return await _show_file("page", "favicon.svg")

    async def show_file(self, request: Request) -> Response:
        return await _show_file("page", request.path_params["path"])

    async def show_schema(self, request: Request) -> Response:
        view = request.path_params["view"]
        return await _show_file("schemas", f"{view}.json")

    async def show_document(self, view: str, request: Request) -> Response:
        document = await self._documents.get(view, _read_query(request))
        return Response(document.body, media_type="application/json")

    async def open_stream(self, request: Request) -> Response:
        query = _read_query(request)
        view = request.query_params.get("view", "")
        if view not in VIEWS:
            raise QueryError(f"view must be one of {', '.join(VIEWS)}")
        last = request.headers.get("last-event-id", "")
        last = last or request.query_params.get("last", "")
        return _LimitedAnswer(Stream(self._documents, view, query, last), self._streams)

    async def export(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._exports:
            return JsonResponse({"error": "there is no such file"}, 404)
        return _LimitedAnswer(Export(name, self._exports[name]()), self._files)

    async def change(self, change: Callable[[], None], request: Request) -> Response:
        # A request that is cut off, or too long, does not change anything.
        await request.body()
        change()
        document = await self._documents.get("state", Query())
        return Response(document.body, media_type="application/json")


class _AnswerLimit:
    """Limits how many answers of one kind may be in progress."""

    def __init__(self, count: int, kind: str) -> None:
        self.limiter = trio.CapacityLimiter(count)
        self.message = f"{count} {kind} are open; close a tab"


class _LimitedAnswer(Response):
    """A long answer, refused if too many of its kind are in progress."""

    def __init__(self, answer: ASGIApp, limit: _AnswerLimit) -> None:
        super().__init__()
        self._answer = answer
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limiter = self._limit.limiter
        try:
            limiter.acquire_on_behalf_of_nowait(self)
        except trio.WouldBlock:
            busy = JsonResponse({"error": self._limit.message}, 503)
            await busy(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        finally:
            limiter.release_on_behalf_of(self)


def _read_query(request: Request) -> Query:
    parameters = request.query_params
    return read_query({name: parameters.getlist(name) for name in parameters})


async def _show_file(folder: str, path: str) -> Response:
    found = await trio.to_thread.run_sync(_read_file, folder, path)
    if found is None:
        return JsonResponse({"error": "there is no such file"}, 404)
    body, media_type = found
    return Response(body, media_type=media_type)


def _read_file(folder: str, path: str) -> tuple[bytes, str] | None:
    """Read a file of the page; return None if there is no such file."""
    suffix = "." + path.rpartition(".")[2]
    parts = path.split("/")
    if suffix not in _MEDIA_TYPES or len(parts) > _MAX_DEPTH:
        return None
    found: Traversable = files("statsd_trio.dev") / folder
    for part in parts:
        # The name must be in the folder's listing, so no name can lead out of the
        # folder.
        named = {each.name: each for each in found.iterdir()} if found.is_dir() else {}
        if part not in named:
            return None
        found = named[part]
    return (found.read_bytes(), _MEDIA_TYPES[suffix]) if found.is_file() else None

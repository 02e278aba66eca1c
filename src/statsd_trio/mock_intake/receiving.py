"""Handle one request to the intake: read, check and record it, then answer.

The body is read before any answer, because an answer that is sent while a client is
still writing may never be read. The size is limited: past `MAX_READ_BYTES` the
connection is closed.

Every payload is checked as if there were no script; the script then decides what the
client is told.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import aclosing
from typing import Final

import attrs
import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from statsd_trio.mock_intake.answering import make_answer, play_rule
from statsd_trio.mock_intake.encoding import (
    ENCODINGS,
    EncodingError,
    TooLargeError,
    decode_body,
)
from statsd_trio.mock_intake.intake import MockIntake
from statsd_trio.mock_intake.json_bodies import (
    read_events_json,
    read_series_json,
    read_service_checks_json,
)
from statsd_trio.mock_intake.masking import mask_headers, mask_query, split_query
from statsd_trio.mock_intake.protobuf_bodies import (
    read_series_protobuf,
    read_sketches_protobuf,
)
from statsd_trio.mock_intake.received import (
    Attempt,
    PayloadError,
    ReceivedItem,
    Route,
)
from statsd_trio.mock_intake.script import Fault, Rule
from statsd_trio.mock_intake.sizes import measure_item
from statsd_trio.mock_intake.wire import WireError

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"

# Far more than any limit below, so that a client that sends too much can still read the
# 413.
MAX_READ_BYTES: Final = 64 * 1024 * 1024

# How many items are decoded between two checkpoints, which takes less than a
# millisecond.
_ITEMS_PER_SLICE: Final = 20


@attrs.frozen
class _Place:
    """What is at a path.

    Source of the limits: Datadog's public API reference, "Submit metrics" (512000 and
    5242880 bytes); datadog-agent, pkg/config/setup, serializer_max_payload_size and
    serializer_max_uncompressed_payload_size for the others.
    """

    route: Route
    readers: Mapping[str, Callable[[bytes], Iterator[ReceivedItem]]]
    method: str = "POST"
    max_body_bytes: int = 2_621_440
    max_raw_bytes: int = 4_194_304


# Source: datadog-agent, comp/forwarder/defaultforwarder/impl/endpoints/endpoints.go;
# events by Datadog's public API reference, "Post an event" (v1).
_PLACES: Final[Mapping[str, _Place]] = {
    "/api/v2/series": _Place(
        Route.SERIES,
        {_PROTOBUF: read_series_protobuf, _JSON: read_series_json},
        max_body_bytes=512_000,
        max_raw_bytes=5_242_880,
    ),
    "/api/beta/sketches": _Place(Route.SKETCHES, {_PROTOBUF: read_sketches_protobuf}),
    "/api/v1/events": _Place(Route.EVENTS, {_JSON: read_events_json}),
    "/api/v1/check_run": _Place(
        Route.SERVICE_CHECKS, {_JSON: read_service_checks_json}
    ),
    "/api/v1/validate": _Place(Route.VALIDATE, {}, method="GET"),
}


class _RefusedError(Exception):
    """The intake refuses this request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@attrs.define
class _Body:
    """What is known about a body, as far as it could be read."""

    body_bytes: int = 0
    raw_bytes: int = 0
    sha256: str = ""
    items: tuple[ReceivedItem, ...] = ()
    item_bytes: int = 0


class Receiving:
    """Answers requests to every path that is not one of the mock's own pages."""

    def __init__(
        self,
        intake: MockIntake,
        *,
        api_keys: Collection[str] | None,
        wall_clock: Callable[[], float],
    ) -> None:
        self._intake = intake
        self._api_keys = api_keys
        self._wall_clock = wall_clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, as an ASGI application.

        Raises:
            ClientDisconnect: if the client leaves before it has its answer.
        """
        answer = await self.handle(Request(scope, receive))
        if answer is not None:
            await answer(scope, receive, send)

    async def handle(self, request: Request) -> Response | None:
        """Handle one request; return None if the script closes the connection.

        Raises:
            ClientDisconnect: if the client leaves before it has its answer.
        """
        place = _PLACES.get(_read_path(request))
        rule = self._intake.take_rule(place.route if place else None)
        body = _Body()
        status = 200 if place and place.method == "GET" else 202
        error = ""
        try:
            await self._judge(request, place, body)
        except _RefusedError as refusal:
            status, error = refusal.status, str(refusal)
        except ClientDisconnect:
            self._record(request, place, body, None, "the client left", None)
            raise
        self._record(request, place, body, status, error, rule)
        answer = make_answer(status, error, place.method if place else "")
        return answer if rule is None else await play_rule(rule, answer, request)

    async def _judge(self, request: Request, place: _Place | None, body: _Body) -> None:
        """Read and check a request as the real intake would.

        It fills in *body* on the way, so that what was found out is known afterwards.
        """
        max_body_bytes = place.max_body_bytes if place else 0
        data = await _read_body(request, max_body_bytes, body)
        path = _read_path(request)
        if place is None:
            known = ", ".join(_PLACES)
            raise _RefusedError(404, f"there is no route {path!r}; known are {known}")
        if request.method != place.method:
            raise _RefusedError(
                405, f"{path} takes {place.method}, not {request.method}"
            )
        self._check_key(request)
        if place.route is Route.VALIDATE:
            return
        if body.body_bytes > max_body_bytes:
            raise _RefusedError(413, f"the body has more than {max_body_bytes} bytes")
        content_type = request.headers.get("content-type", "").partition(";")[0]
        reader = place.readers.get(content_type.strip().lower())
        if reader is None:
            raise _RefusedError(
                415,
                f"the Content-Type is {content_type!r}; {path} takes "
                f"{' and '.join(place.readers)}",
            )
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding not in ENCODINGS:
            raise _RefusedError(
                415,
                f"the Content-Encoding is {encoding!r}; known are "
                f"{', '.join(filter(None, sorted(ENCODINGS)))}",
            )
        try:
            raw = await _decode(data, encoding, place.max_raw_bytes, body)
            body.items = await _read_items(reader(raw), body)
        except TooLargeError as error:
            raise _RefusedError(413, str(error)) from error
        except (EncodingError, PayloadError, WireError) as error:
            raise _RefusedError(400, str(error)) from error

    def _check_key(self, request: Request) -> None:
        key = request.headers.get("dd-api-key")
        key = key or dict(split_query(_read_query(request))).get("api_key")
        if not key:
            raise _RefusedError(403, "there is no API key; send it as DD-API-KEY")
        if self._api_keys is not None and key not in self._api_keys:
            raise _RefusedError(
                403, "the API key is not one that this intake was given"
            )

    def _record(
        self,
        request: Request,
        place: _Place | None,
        body: _Body,
        status: int | None,
        error: str,
        rule: Rule | None,
    ) -> None:
        is_received = not error
        fault = ""
        if rule is not None:
            fault = rule.describe()
            if rule.fault in {Fault.ANSWER, Fault.HALF_ANSWER, Fault.ENDLESS_ANSWER}:
                status = rule.choose_status()
                is_received = is_received and status < 300
            elif rule.fault is not Fault.ACCEPT:
                status = None
                is_received = is_received and rule.fault is Fault.LOSE_ANSWER
        self._intake.record(
            Attempt(
                number=self._intake.next_number(),
                time=self._wall_clock(),
                method=request.method,
                path=_read_path(request),
                query=mask_query(_read_query(request)),
                route=place.route if place else None,
                headers=mask_headers(request.headers),
                body_bytes=body.body_bytes,
                encoding=request.headers.get("content-encoding", ""),
                raw_bytes=body.raw_bytes,
                sha256=body.sha256,
                status=status,
                fault=fault,
                error=error,
                items=body.items,
                is_received=is_received,
            ),
            body.item_bytes,
        )


async def _read_body(request: Request, limit_bytes: int, body: _Body) -> bytes:
    """Read the whole body, but keep only a little more than *limit_bytes* of it.

    Raises:
        ClientDisconnect: if the client leaves before its end.
        _RefusedError: if it exceeds the limit for reading.
    """
    data = bytearray()
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body.body_bytes += len(chunk)
            if len(data) <= limit_bytes:
                data += chunk
            elif body.body_bytes > MAX_READ_BYTES:
                raise _RefusedError(
                    413, f"the body has more than {MAX_READ_BYTES} bytes"
                )
    return bytes(data)


async def _decode(data: bytes, encoding: str, limit_bytes: int, body: _Body) -> bytes:
    digest = hashlib.sha256()
    pieces: list[bytes] = []
    for piece in decode_body(data, encoding, limit_bytes):
        digest.update(piece)
        pieces.append(piece)
        await trio.lowlevel.checkpoint()
    raw = b"".join(pieces)
    body.raw_bytes = len(raw)
    body.sha256 = digest.hexdigest()
    return raw


async def _read_items(
    items: Iterator[ReceivedItem], body: _Body
) -> tuple[ReceivedItem, ...]:
    read: list[ReceivedItem] = []
    for item in items:
        read.append(item)
        body.item_bytes += measure_item(item)
        if len(read) % _ITEMS_PER_SLICE == 0:
            await trio.lowlevel.checkpoint()
    return tuple(read)


def _read_path(request: Request) -> str:
    """Return the part before the question mark, decoded."""
    path: str = request.scope["path"]
    return path


def _read_query(request: Request) -> str:
    """Return the part after the question mark, as it was sent."""
    query: bytes = request.scope["query_string"]
    return query.decode("latin-1")

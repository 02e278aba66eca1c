"""The mock's own pages: what came, as JSON over HTTP and as a few lines of text."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import trio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from statsd_trio.mock_intake.intake import MockIntake
from statsd_trio.mock_intake.received import Attempt
from statsd_trio.mock_intake.receiving import Receiving

# How many values are written between two checkpoints: about a millisecond.
_VALUES_PER_SLICE: Final = 20

_Values = Sequence[attrs.AttrsInstance]


def make_application(intake: MockIntake, receiving: Receiving) -> Starlette:
    """Put the mock's own pages beside the intake's routes."""
    kept: dict[str, Callable[[], _Values]] = {
        "series": lambda: intake.series,
        "sketches": lambda: intake.sketches,
        "events": lambda: intake.events,
        "service_checks": lambda: intake.service_checks,
        "attempts": lambda: intake.attempts,
    }

    def clear() -> Response:
        intake.clear()
        return JSONResponse({})

    def describe() -> Response:
        return PlainTextResponse(_describe(intake))

    return Starlette(
        routes=[
            Route("/", _Page(describe), methods=["GET"]),
            Mount(
                "/mock",
                routes=[
                    Route("/clear", _Page(clear), methods=["POST"]),
                    *(
                        Route(f"/{name}", _List(name, values), methods=["GET"])
                        for name, values in kept.items()
                    ),
                ],
            ),
            Route("/{path:path}", receiving),
        ]
    )


class _Page:
    """An ASGI application that answers the same to every request."""

    def __init__(self, make_response: Callable[[], Response]) -> None:
        self._make_response = make_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._make_response()(scope, receive, send)


class _List:
    """An ASGI application that writes values as one JSON object, in slices.

    A test may hold a hundred thousand, and must not be held up by writing them.
    """

    def __init__(self, name: str, values: Callable[[], _Values]) -> None:
        self._name = name
        self._values = values

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        values = self._values()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await _send_part(send, f'{{"{self._name}":[')
        for start in range(0, len(values), _VALUES_PER_SLICE):
            part = values[start : start + _VALUES_PER_SLICE]
            written = ",".join(json.dumps(value, default=_as_members) for value in part)
            await _send_part(send, f",{written}" if start else written)
            await trio.lowlevel.checkpoint()
        await _send_part(send, "]}", is_last=True)


async def _send_part(send: Send, text: str, *, is_last: bool = False) -> None:
    await send(
        {
            "type": "http.response.body",
            "body": text.encode(),
            "more_body": not is_last,
        }
    )


def _as_members(value: attrs.AttrsInstance) -> dict[str, Any]:
    if isinstance(value, Attempt):
        # Their items stand in lists of their own; here their number is enough.
        members = attrs.asdict(value, recurse=False)
        members["items"] = len(value.items)
        members["points"] = value.count_points()
        return members
    return attrs.asdict(value, recurse=False)


def _describe(intake: MockIntake) -> str:
    return f"""\
This is statsd-trio's mock intake, a stand-in for Datadog's: {intake.url}

attempts        {len(intake.attempts)}
series          {len(intake.series)}
sketches        {len(intake.sketches)}
events          {len(intake.events)}
service checks  {len(intake.service_checks)}

GET  /mock/series /mock/sketches /mock/events /mock/service_checks /mock/attempts
POST /mock/clear
"""

"""The mock's own pages: what was received, as JSON over HTTP and as lines of text."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import attrs
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from statsd_trio.mock_intake.intake import MockIntake
from statsd_trio.mock_intake.received import Attempt
from statsd_trio.web import JsonResponse, Page, PiecesResponse, make_application

# How many values are written between two checkpoints: about a millisecond.
_VALUES_PER_SLICE: Final = 20

_FIRST_PAGE: Final = "/"
_FOLDER: Final = "/mock/"

_Values = Sequence[attrs.AttrsInstance]


def make_views(intake: MockIntake) -> Starlette:
    """Return the mock's own pages.

    Each is made again if something was received since the last time.
    """
    kept: dict[str, Callable[[], _Values]] = {
        "series": lambda: intake.series,
        "sketches": lambda: intake.sketches,
        "events": lambda: intake.events,
        "service_checks": lambda: intake.service_checks,
        "attempts": lambda: intake.attempts,
    }

    def read_version() -> int:
        return intake.changes

    async def describe() -> Response:
        await trio.lowlevel.checkpoint()
        return PlainTextResponse(_describe(intake))

    async def clear(_request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        intake.clear()
        return JsonResponse({})

    pages = {_FIRST_PAGE: Page(describe, read_version=read_version)}
    for name, values in kept.items():
        write = _make_writer(name, values)
        pages[f"{_FOLDER}{name}"] = Page(write, read_version=read_version)
    return make_application(pages, [Route(f"{_FOLDER}clear", clear, methods=["POST"])])


def is_view(path: str) -> bool:
    """Return whether *path* is one of the mock's own pages."""
    return path == _FIRST_PAGE or path.startswith(_FOLDER)


def _make_writer(
    name: str, values: Callable[[], _Values]
) -> Callable[[], Awaitable[Response]]:
    """Return a function that writes values as one JSON object, in slices.

    A test may hold a hundred thousand values, and must not be held up by writing them.
    """

    async def write() -> Response:
        kept = values()
        pieces = [f'{{"{name}":['.encode()]
        for start in range(0, len(kept), _VALUES_PER_SLICE):
            part = kept[start : start + _VALUES_PER_SLICE]
            written = ",".join(json.dumps(value, default=_as_members) for value in part)
            pieces.append((f",{written}" if start else written).encode())
            await trio.lowlevel.checkpoint()
        pieces.append(b"]}")
        return PiecesResponse(pieces, "application/json")

    return write


def _as_members(value: attrs.AttrsInstance) -> dict[str, Any]:
    if isinstance(value, Attempt):
        # Their items are in lists of their own; here their number is enough.
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

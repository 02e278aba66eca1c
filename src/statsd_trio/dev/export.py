"""Export what was recorded: as JSON lines, and as a capture for ``replay``."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from statsd_trio.dev.history import FIGURES, TYPE_NAMES, Points
from statsd_trio.dev.page_model import PageModel
from statsd_trio.pace import Pace
from statsd_trio.replay.capture import CapturedPacket, format_packet

_PIECE_BYTES: Final = 64 * 1024


def list_exports(model: PageModel) -> dict[str, Callable[[], Iterator[str]]]:
    """Return the function that makes the lines of each file, by the file's name."""
    return {
        "metrics.jsonl": lambda: _write_metrics(model),
        "events.jsonl": lambda: _write_rows(model.feed.list_rows()),
        "rejected.jsonl": lambda: _write_rows(model.rejected.list_rows(model.now)),
        "capture.jsonl": lambda: _write_capture(model),
    }


class Export(Response):
    """A file that is sent while it is made, so that little of it is in memory."""

    def __init__(self, name: str, lines: Iterator[str]) -> None:
        """Prepare to send *lines* as the file *name*."""
        super().__init__(media_type="application/jsonl")
        del self.headers["content-length"]
        self.headers["content-disposition"] = f'attachment; filename="{name}"'
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        pace = Pace()
        piece = bytearray()
        for line in self._lines if scope["method"] == "GET" else ():
            piece += line.encode("utf-8", "backslashreplace") + b"\n"
            if len(piece) >= _PIECE_BYTES:
                await send(
                    {
                        "type": "http.response.body",
                        "body": bytes(piece),
                        "more_body": True,
                    }
                )
                piece.clear()
            if pace.is_over():
                await pace.rest()
        await send({"type": "http.response.body", "body": bytes(piece)})


def _write_rows(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) for row in rows)


def _write_metrics(model: PageModel) -> Iterator[str]:
    for metric in list(model.recorder.metrics.values()):
        for track in list(metric.tracks.values()):
            yield json.dumps(
                {
                    "name": track.metric.name,
                    "type": TYPE_NAMES[track.kind],
                    "host": track.host,
                    "tags": list(track.tags),
                    "figures": ["time", *FIGURES[track.kind]],
                    "seconds": _list_points(track.fine),
                    "ten_seconds": _list_points(track.coarse),
                },
                ensure_ascii=False,
            )


def _list_points(points: Points) -> list[list[float]]:
    return [
        [time, *points.read(index)] for index, time in enumerate(list(points.times))
    ]


def _write_capture(model: PageModel) -> Iterator[str]:
    for time, lines, origin in model.recorder.received.list_all():
        source = f"{origin.transport} {origin.sender}".strip()
        yield format_packet(CapturedPacket(time, source, lines))

"""Answers that Starlette has no ready form for. Many clients may be given the same."""

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send


class JsonResponse(JSONResponse):
    """JSON, also of text that is not Unicode."""

    def render(self, content: Any) -> bytes:
        """Write *content*; half a surrogate pair becomes an escape, as JSON has it."""
        written = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        return written.encode("utf-8", "backslashreplace")


class PiecesResponse(Response):
    """A body in pieces, for one that would take long to put together.

    Attributes:
        pieces: the body.
    """

    def __init__(self, pieces: Sequence[bytes], media_type: str) -> None:
        size = sum(map(len, pieces))
        super().__init__(headers={"content-length": str(size)}, media_type=media_type)
        self.pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces, one after the other."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

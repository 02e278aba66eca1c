"""Answers that Starlette does not have; many clients may be given the same one."""

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send


class JsonResponse(JSONResponse):
    """JSON that may contain text which is not valid Unicode."""

    def render(self, content: Any) -> bytes:
        """Write *content*; half of a surrogate pair becomes a JSON escape."""
        written = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        return written.encode("utf-8", "backslashreplace")


class PiecesResponse(Response):
    """A body in pieces, for one that would take long to join.

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

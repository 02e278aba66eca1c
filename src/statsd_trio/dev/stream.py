"""Send a view's document as a server-sent event whenever it has changed.

Source: HTML Living Standard, "Server-sent events".
"""

import json
from typing import Final

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from statsd_trio.dev.documents import Documents, UnknownMetricError
from statsd_trio.dev.query import Query
from statsd_trio.web import wait_left

UPDATE_SECONDS: Final = 0.5
_ALIVE_SECONDS: Final = 10.0
_RETRY_MILLISECONDS: Final = 1000


class Stream(Response):
    """An answer that goes on until the client leaves.

    There is no queue. If a slow client has not read a document yet, the next one is
    only made after that, with the state at that time.
    """

    def __init__(
        self, documents: Documents, view: str, query: Query, last: str
    ) -> None:
        """Prepare to send *view*.

        Args:
            documents: makes the documents.
            view: the view to send besides the state.
            query: the parameters of the view.
            last: the revision that the client has; "" if it has none.
        """
        super().__init__(media_type="text/event-stream")
        self._documents = documents
        self._view = view
        self._query = query
        self._last = last
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client leaves."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_events, send)
            await wait_left(receive)
            nursery.cancel_scope.cancel(reason="the client left")

    async def _send_events(self, send: Send) -> None:
        async def write(text: bytes) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": True})

        await write(b"retry: %d\n\n" % _RETRY_MILLISECONDS)
        state = ""
        wrote = trio.current_time()
        while True:
            if self._documents.read_revision("state") != state:
                document = await self._documents.get("state", Query())
                state = document.revision
                await write(_write_event("state", document.body))
                wrote = trio.current_time()
            if self._view != "state":
                event = await self._make_event()
                if event:
                    await write(event)
                    wrote = trio.current_time()
            if trio.current_time() - wrote >= _ALIVE_SECONDS:
                await write(b": alive\n\n")
                wrote = trio.current_time()
            await trio.sleep(UPDATE_SECONDS)

    async def _make_event(self) -> bytes:
        """Return the view as an event; empty if the client already has it."""
        revision = self._documents.read_revision(self._view)
        if revision == self._last:
            return b""
        try:
            document = await self._documents.get(self._view, self._query)
        except UnknownMetricError as error:
            self._last = revision
            return _write_event("gone", json.dumps({"error": str(error)}).encode())
        if document.revision == self._last:
            return b""
        self._last = document.revision
        return _write_event(self._view, document.body, document.revision)


def _write_event(name: str, data: bytes, event_id: str = "") -> bytes:
    start = f"id: {event_id}\n" if event_id else ""
    return b"%sevent: %s\ndata: %s\n\n" % (start.encode(), name.encode(), data)

"""Pages that are made once for everybody who asks for them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

# How long an answer is given to everybody who asks.
_SHARED_SECONDS: Final = 1.0

# The same as a multiple of the time that it took to make, so that a costly page keeps
# the event loop busy only for a small part of the time, however many clients ask for
# it.
_SHARED_TIMES: Final = 4.0


class Page:
    """A page that takes some work to make; an ASGI application.

    Only one answer is made at a time, and whoever asks meanwhile waits for it. If the
    client for which it is made leaves, the next one that waits takes over; when nobody
    waits any more, the work stops.
    """

    def __init__(
        self,
        make_answer: Callable[[], Awaitable[Response]],
        *,
        read_version: Callable[[], int] | None = None,
    ) -> None:
        """Show what *make_answer* returns.

        Args:
            make_answer: called for each new answer; long work in it must have
                checkpoints. The answer is sent to many clients.
            read_version: if given, an answer is used for as long as this returns the
                same, instead of for a second or a little more.
        """
        self._make_answer = make_answer
        self._read_version = read_version
        self._lock = trio.Lock()
        self._answer: Response | None = None
        self._version = 0
        self._fresh_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, unless its client leaves before that."""
        answers: list[Response] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_left, receive, nursery.cancel_scope)
            answers.append(await self.get())
            nursery.cancel_scope.cancel(reason="the answer is there")
        for answer in answers:
            await answer(scope, receive, send)

    async def get(self) -> Response:
        """Wait for an answer, and return it."""
        async with self._lock:
            answer = self._answer
            if answer is None or not self._is_fresh():
                answer = self._answer = await self._make()
            return answer

    def _is_fresh(self) -> bool:
        if self._read_version is not None:
            return self._version == self._read_version()
        return trio.current_time() < self._fresh_until

    async def _make(self) -> Response:
        began = trio.current_time()
        if self._read_version is not None:
            self._version = self._read_version()
        answer = await self._make_answer()
        ended = trio.current_time()
        seconds = max(_SHARED_SECONDS, _SHARED_TIMES * (ended - began))
        self._fresh_until = ended + seconds
        return answer


def make_application(
    pages: Mapping[str, Page], routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """Return an application with pages, each for GET and HEAD, and with *routes*."""
    shown = [Route(path, page, methods=["GET"]) for path, page in pages.items()]
    application = Starlette(
        routes=[*shown, *routes], exception_handlers={HTTPException: _refuse}
    )
    # A path with a slash at its end is not the same as one without it.
    application.router.redirect_slashes = False
    return application


async def wait_left(receive: Receive) -> None:
    """Wait until the client leaves; what it sends meanwhile is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- as it was asked for
    text = "there is no page at this address\n" if error.status_code == 404 else ""
    return PlainTextResponse(text, error.status_code, headers=error.headers)


async def _cancel_when_left(receive: Receive, scope: trio.CancelScope) -> None:
    await wait_left(receive)
    scope.cancel(reason="the client left")

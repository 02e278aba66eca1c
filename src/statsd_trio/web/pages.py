"""Pages that are made once for all who ask for them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio

from statsd_trio.web.connection import Request
from statsd_trio.web.messages import Answer

# How long an answer serves everybody who asks.
_SHARED_SECONDS: Final = 1.0

# And how many times as long as it took to make, so that a costly page keeps the event
# loop busy for a small part of the time, however many ask for it.
_SHARED_TIMES: Final = 4.0


class Page:
    """Something to show that takes some work.

    One answer is made at a time. Who asks meanwhile waits for it; when the one for whom
    it is made leaves, the next who waits takes over, and when nobody waits any more the
    work ends.
    """

    def __init__(
        self,
        make_answer: Callable[[], Awaitable[Answer]],
        *,
        read_version: Callable[[], int] | None = None,
    ) -> None:
        """Show what *make_answer* makes.

        Args:
            make_answer: called each time; long work in it rests from time to time.
            read_version: if given, an answer is shared for as long as this returns
                the same, instead of for a second or a little more.
        """
        self._make_answer = make_answer
        self._read_version = read_version
        self._lock = trio.Lock()
        self._answer: Answer | None = None
        self._version = 0
        self._fresh_until = 0.0

    async def get(self) -> Answer:
        """Wait for an answer."""
        async with self._lock:
            answer = self._answer
            if answer is None or not self._is_fresh():
                answer = self._answer = await self._make()
            return answer

    def _is_fresh(self) -> bool:
        if self._read_version is not None:
            return self._version == self._read_version()
        return trio.current_time() < self._fresh_until

    async def _make(self) -> Answer:
        began = trio.current_time()
        if self._read_version is not None:
            self._version = self._read_version()
        answer = await self._make_answer()
        ended = trio.current_time()
        seconds = max(_SHARED_SECONDS, _SHARED_TIMES * (ended - began))
        self._fresh_until = ended + seconds
        return answer


class Pages:
    """Pages by their paths, for GET and HEAD."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = dict(pages)

    def __contains__(self, path: str) -> bool:
        return path in self._pages

    async def handle(self, request: Request) -> Answer:
        """Answer *request*.

        Raises:
            ClientLeftError: if the client leaves before there is an answer.
        """
        page = self._pages.get(request.path)
        if page is None:
            return Answer.text("there is no such page\n", 404)
        if request.method not in {"GET", "HEAD"}:
            return Answer(status=405, headers={"allow": "GET, HEAD"})
        return await request.unless_left(page.get)

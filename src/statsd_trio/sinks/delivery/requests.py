"""Send requests over HTTP; each returns an answer and never raises.

The key is sent in a header, and only to the host that was configured: a redirect is
followed within that host, and never from https to http. Go's client turns a redirected
POST into a GET without a body; here the body is sent again.
"""

import base64
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from typing import Final

import httpx2
import trio

from statsd_trio.sinks.delivery.answer import Answer, make_excerpt
from statsd_trio.sinks.delivery.no_answer import explain_no_answer
from statsd_trio.sinks.delivery.retry import parse_retry_after
from statsd_trio.sinks.delivery.transport import parse_endpoint_url
from statsd_trio.version import __version__

_MAX_CONNECT_SECONDS: Final = 10.0

_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_MAX_REDIRECTS: Final = 5

# The rest of an answer is not needed, but a short one is read so that the connection
# can be used again.
_MAX_ANSWER_BYTES: Final = 64 * 1024
_ANSWER_SECONDS: Final = 1.0


class Requests:
    """Sends requests to a URL and to paths below it.

    Attributes:
        url: the URL without credentials, which are sent in a header.
    """

    def __init__(
        self,
        url: str,
        transport: httpx2.AsyncBaseTransport,
        wall_clock: Callable[[], float],
        *,
        secrets: Collection[str],
    ) -> None:
        """Prepare to send.

        Args:
            url: may contain credentials.
            transport: sends the requests.
            wall_clock: returns unix seconds.
            secrets: the names of headers whose values must not be shown in an answer.
        """
        parsed = parse_endpoint_url(url)
        self.url = parsed.copy_with(username=None, password=None)
        self._headers = {
            "User-Agent": f"statsd-trio/{__version__}",
            "Accept-Encoding": "identity",
        }
        if parsed.userinfo:
            credentials = f"{parsed.username}:{parsed.password}".encode()
            encoded = base64.b64encode(credentials).decode("ascii")
            self._headers["Authorization"] = f"Basic {encoded}"
        # This is a transport instead of a client, because a client keeps the cookies
        # that it is sent.
        self._transport = transport
        self._wall_clock = wall_clock
        self._secrets = ("Authorization", *secrets)

    def make_excerpt(self, text: str, headers: Mapping[str, str]) -> str:
        """Return *text* of an answer as one line, without the secrets in *headers*.

        Only this line may be shown. The secrets of every request are masked too.
        """
        sent = httpx2.Headers({**self._headers, **headers})
        return make_excerpt(text.encode(), sent, self._secrets)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> Answer:
        """Send one request; if *path* is "", it goes to the URL itself."""
        url = self.url
        if path:
            url = url.copy_with(path=url.path.rstrip("/") + path)
        deadline = trio.current_time() + timeout_seconds
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                answer, location = await self._request_once(
                    method, url, headers, body, deadline
                )
                if location is None:
                    return answer
                url = location
        except trio.TooSlowError:
            return Answer(
                None, error=f"no answer within {timeout_seconds:g} s", is_lost=True
            )
        # This is the only place where a failure on the way becomes a counted outcome.
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return explain_no_answer(error)
        return Answer(None, error="too many redirects")

    async def _request_once(
        self,
        method: str,
        url: httpx2.URL,
        headers: dict[str, str],
        body: bytes,
        deadline: float,
    ) -> tuple[Answer, httpx2.URL | None]:
        request = httpx2.Request(
            method,
            url,
            headers=self._headers | headers,
            content=body,
            extensions={"timeout": {"connect": _MAX_CONNECT_SECONDS}},
        )
        with trio.fail_at(deadline):
            response = await self._transport.handle_async_request(request)
        status = response.status_code
        retry_after = parse_retry_after(
            response.headers.get("Retry-After", ""), self._wall_clock()
        )
        location = None
        if status in _REDIRECTS:
            location = find_redirect(url, response.headers.get("Location", ""))
        # The status is known once all headers have arrived, and it is the answer. What
        # breaks or hangs after that does not change it, and has a short time limit of
        # its own.
        body = b""
        if isinstance(response.stream, httpx2.AsyncByteStream):
            body = await _read_answer(response.stream)
        text = ""
        if not 200 <= status < 300:
            text = make_excerpt(body, request.headers, self._secrets)
            body = b""
        return Answer(status, retry_after=retry_after, text=text, body=body), location


async def _read_answer(stream: httpx2.AsyncByteStream) -> bytes:
    """Read to the end, so that the connection can be used again, or close it.

    Returns:
        The start of the body.
    """
    start = bytearray()
    size = 0
    pieces = aiter(stream)
    try:
        with trio.move_on_after(_ANSWER_SECONDS):
            async for piece in pieces:
                size += len(piece)
                start += piece[: _MAX_ANSWER_BYTES - len(start)]
                if size > _MAX_ANSWER_BYTES:
                    break
    except (httpx2.HTTPError, OSError):
        pass
    finally:
        with trio.move_on_after(_ANSWER_SECONDS, shield=True):
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
            await stream.aclose()
    return bytes(start)


def find_redirect(url: httpx2.URL, location: str) -> httpx2.URL | None:
    """Return where a redirect leads; None if it must not be followed."""
    try:
        target = url.join(location)
    except httpx2.InvalidURL:
        return None
    is_downgrade = url.scheme == "https" and target.scheme != "https"
    if not location or is_downgrade or target.host != url.host:
        return None
    if target.scheme == url.scheme and target.port != url.port:
        # Another port is another server.
        return None
    return target if target.scheme in {"http", "https"} else None

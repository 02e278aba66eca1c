"""Requests to an endpoint over HTTP, each of which has an answer, never an error.

The key travels in a header and only to the host that was configured: a redirect is
followed within that host and never from https to http. Unlike Go's client, which
turns a redirected POST into a GET without its body, the body is sent again.
"""

import base64
import re
import ssl
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from typing import Final

import attrs
import httpx2
import trio

from statsd_trio.sinks.delivery.retry import parse_retry_after
from statsd_trio.sinks.delivery.transport import parse_endpoint_url
from statsd_trio.version import __version__

_MAX_CONNECT_SECONDS: Final = 10.0

_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_MAX_REDIRECTS: Final = 5

# What an answer says beyond its status is not needed; a short one is read so that
# the connection can be used again.
_MAX_ANSWER_BYTES: Final = 64 * 1024
_ANSWER_SECONDS: Final = 1.0

# Of an answer that refuses a payload, so much is kept, and so much is shown.
_MAX_EXCERPT_BYTES: Final = 4096
_MAX_EXCERPT_CHARACTERS: Final = 200
# A shorter word of a header, such as "Basic", says nothing.
_LEAST_SECRET_CHARACTERS: Final = 6

# How deep to look for what the system said.
_MAX_CAUSES: Final = 10

# How the error of a proxy that did not open a tunnel begins.
_PROXY_STATUS: Final = re.compile(r"[1-9]\d\d\b", re.ASCII)

# Trio names the address as Python writes it before what the system said.
_ADDRESS: Final = re.compile(r"Error connecting to \(.*?\): ")

# What the HTTP library's errors are to a person; another is shown by its name.
_FAILURES: Final[Mapping[type[BaseException], str]] = {
    httpx2.ConnectError: "could not connect",
    httpx2.RemoteProtocolError: "hung up, or answered with something other than HTTP",
    httpx2.ReadError: "the connection broke",
    httpx2.WriteError: "the connection broke",
}

# Errors after which the intake cannot hold the payload.
_UNSENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)


@attrs.frozen
class Answer:
    """What came of one request.

    Attributes:
        status: None if there was no answer.
        error: for a person, where there was none; holds nothing secret.
        is_lost: the request may have arrived, though there was no answer.
        retry_after: seconds that the intake asks us to wait.
        text: the start of what the intake said of its refusal; printable, and
            without what was secret in the request.
        body: the start of what it said when it took the payload.
        rejected: how many points of a payload that it took it did not take.
    """

    status: int | None
    error: str = ""
    is_lost: bool = False
    retry_after: float | None = None
    text: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    rejected: int = 0

    def describe(self) -> str:
        """Say in a few words what came of the request."""
        if self.status is None:
            return self.error
        return f"answered {self.status}" + (f": {self.text}" if self.text else "")


class Requests:
    """Sends requests to a URL and to paths below it.

    Attributes:
        url: without credentials, which go into a header.
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
            url: may hold credentials.
            transport: the way there.
            wall_clock: unix seconds.
            secrets: names of headers that hold what an answer may not show.
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
        # A transport, not a client: a client keeps whatever cookies it is sent.
        self._transport = transport
        self._wall_clock = wall_clock
        self._secrets = ("Authorization", *secrets)

    def make_excerpt(self, text: str, headers: Mapping[str, str]) -> str:
        """Return *text* of an answer in one line, without what was secret in *headers*.

        That line is what may be shown of it; the secrets of every request are masked
        too.
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
        """Send one request; *path* "" is the URL itself."""
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
        # The one place where a failure on the way becomes a counted outcome.
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return Answer(
                None,
                error=describe_error(error),
                is_lost=not isinstance(error, _UNSENT),
            )
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
        # The status, which is known once all headers have arrived, is the answer: what
        # breaks or hangs afterwards takes nothing back, and has a short time of its
        # own.
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
        the start of the body.
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


def make_excerpt(body: bytes, headers: httpx2.Headers, secrets: Collection[str]) -> str:
    """Return the start of an answer's *body* in one printable line.

    What was secret in the *headers* of the request, under the names in *secrets*, is
    masked: some servers send back what they were sent.
    """
    text = body[:_MAX_EXCERPT_BYTES].decode(errors="replace")
    if len(body) >= _MAX_EXCERPT_BYTES:
        # The last word may be half of a secret, which nothing would recognise.
        text = text.rpartition(" ")[0]
    for name in secrets:
        for secret in headers.get(name, "").split():
            if len(secret) >= _LEAST_SECRET_CHARACTERS:
                text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    words = "".join(char if char.isprintable() else " " for char in text).split()
    excerpt = " ".join(words)
    if len(excerpt) > _MAX_EXCERPT_CHARACTERS:
        excerpt = excerpt[: _MAX_EXCERPT_CHARACTERS - 3] + "..."
    return excerpt


def describe_error(error: BaseException) -> str:
    """Say what *error* is, with what the system said or the status of a proxy.

    Its own text is left out, since the peer may have written it.
    """
    failure = _FAILURES.get(type(error), type(error).__name__)
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        match cause:
            case None:
                break
            case httpx2.ProxyError() if status := _PROXY_STATUS.match(str(cause)):
                return _describe_proxy(status[0])
            case ssl.SSLCertVerificationError():
                return f"{failure}: {cause.verify_message}"
            case OSError(strerror=str() as reason) if reason:
                return f"{failure}: {_ADDRESS.sub('', reason)}"
            case BaseExceptionGroup():
                cause = cause.exceptions[0]
            case _:
                cause = cause.__cause__ or cause.__context__
    return failure


def _describe_proxy(status: str) -> str:
    if status == "407":
        return "the proxy answered 407: check the credentials in the proxy's URL"
    return f"the proxy answered {status}"


def find_redirect(url: httpx2.URL, location: str) -> httpx2.URL | None:
    """Tell where a redirect leads, None where it must not be followed."""
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

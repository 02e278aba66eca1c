"""Keep other web pages, and their scripts, from using this page.

A page on the internet can make a browser request ``http://localhost:8129``. With a name
that briefly points to 127.0.0.1 (DNS rebinding) it could even read the answers.
Therefore the Host header must be an address, ``localhost`` or the name that was chosen;
whatever changes something requires the page's own Origin; and no answer allows another
origin to read it.
"""

import ipaddress
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from statsd_trio.web import JsonResponse

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Passes requests from the page itself to an application."""

    def __init__(self, application: ASGIApp, host: str) -> None:
        """Guard *application*.

        Args:
            application: receives the requests that are allowed.
            host: the host name that was chosen for the page.
        """
        self._application = application
        self._hosts = {"localhost", host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or forbid it."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        reason = self._find_reason_to_forbid(scope)
        if reason:
            answer = JsonResponse({"error": reason}, 403)
            await answer(scope, receive, send_with_headers)
        else:
            await self._application(scope, receive, send_with_headers)

    def _find_reason_to_forbid(self, scope: Scope) -> str:
        """Return why a request is forbidden; "" if it is allowed."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_known(hosts[0]):
            return (
                "the Host of this request is not an address or localhost; open "
                "the page by its address, or name the host with --page HOST:PORT"
            )
        if scope["method"] in {"GET", "HEAD"}:
            return ""
        if headers.getlist("origin") != [f"http://{hosts[0]}"]:
            return (
                "only the page itself may change something: the Origin is another one"
            )
        return ""

    def _is_known(self, host: str) -> bool:
        name = split_host(host)
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def split_host(host: str) -> str:
    """Return the name or address in a Host header, without port and brackets."""
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name.lower() if not rest or rest.startswith(":") else ""
    name, _, port = host.partition(":")
    return name.lower() if not port or port.isdigit() else ""

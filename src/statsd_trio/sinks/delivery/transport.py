"""The way to an endpoint: which proxy, whose certificates, how many connections."""

import logging
import ssl
from collections.abc import Callable, Collection, Mapping
from typing import Final

import httpx2

from statsd_trio.errors import explain_os_error
from statsd_trio.sinks.delivery.settings import DeliverySettings

logger = logging.getLogger(__name__)

# Source: datadog-agent, pkg/util/http/transport.go.
_KEEPALIVE_SECONDS: Final = 90.0


def parse_endpoint_url(url: str) -> httpx2.URL:
    """Check the base URL of an endpoint.

    Raises:
        ValueError: if it is not http or https with a host. The message names the
            URL without credentials.
    """
    try:
        parsed = httpx2.URL(url.strip())
    except httpx2.InvalidURL:
        raise ValueError("the URL of an endpoint cannot be read") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        shown = parsed.copy_with(username=None, password=None)
        raise ValueError(f"the endpoint {str(shown)!r} is not an http or https URL")
    return parsed


def open_network(
    settings: DeliverySettings, transport: httpx2.AsyncBaseTransport | None = None
) -> Callable[[str, int], httpx2.AsyncBaseTransport]:
    """Return what makes the way to the endpoint at a URL, for so many connections.

    Nothing connects yet.

    Args:
        settings: which proxies, and whom to trust.
        transport: stands in for the network, in tests.

    Raises:
        OSError: naming the CA file, if it cannot be read.
    """
    _quieten_libraries()
    if settings.skip_ssl_validation:
        logger.warning(
            "skip_ssl_validation is set: anybody on the way can read and change"
            " what is sent, the API key included"
        )
    ssl_context = open_ssl_context(
        settings.ca_file,
        skip_validation=settings.skip_ssl_validation,
        ca_option=settings.ca_option,
    )

    def open_way(url: str, connections: int) -> httpx2.AsyncBaseTransport:
        return transport or open_transport(
            url,
            max_connections=connections,
            ssl_context=ssl_context,
            proxies={"https": settings.proxy, "http": settings.proxy_http},
            no_proxy=settings.no_proxy,
        )

    return open_way


def open_transport(
    url: str,
    *,
    max_connections: int,
    ssl_context: ssl.SSLContext,
    proxies: Mapping[str, str | None],
    no_proxy: Collection[str],
) -> httpx2.AsyncBaseTransport:
    """Make the way to the endpoint at *url*; nothing connects yet.

    Args:
        url: decides which proxy is used, and whether.
        max_connections: at once.
        ssl_context: what verifies the intake.
        proxies: scheme of an endpoint to an http or https URL, credentials in it.
        no_proxy: hosts, or ``host:port``, each matched exactly as the Agent does.

    Raises:
        ValueError: if the proxy's URL cannot be used.
    """
    proxy = choose_proxy(parse_endpoint_url(url), proxies, no_proxy)
    return httpx2.AsyncHTTPTransport(
        verify=ssl_context,
        trust_env=False,
        limits=httpx2.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=_KEEPALIVE_SECONDS,
        ),
        proxy=_parse_proxy(proxy) if proxy else None,
    )


def choose_proxy(
    url: httpx2.URL, proxies: Mapping[str, str | None], no_proxy: Collection[str]
) -> str | None:
    """Return the proxy for requests to *url*, or None to reach it directly.

    Source: datadog-agent, pkg/util/http/transport.go.
    """
    host = url.host.lower()
    port = url.port or (443 if url.scheme == "https" else 80)
    exceptions = {entry.strip().lower() for entry in no_proxy}
    if host in exceptions or f"{host}:{port}" in exceptions:
        return None
    return proxies.get(url.scheme)


def _parse_proxy(proxy: str) -> httpx2.Proxy:
    # Neither error may quote the URL, since credentials stand in it.
    try:
        parsed = httpx2.Proxy(proxy if "://" in proxy else f"http://{proxy}")
    except (ValueError, httpx2.InvalidURL):
        raise ValueError("the proxy's URL cannot be read") from None
    if parsed.url.scheme not in {"http", "https"} or not parsed.url.host:
        raise ValueError("the proxy's URL is not http or https")
    return parsed


def open_ssl_context(
    ca_file: str | None, *, skip_validation: bool, ca_option: str = "ca_file"
) -> ssl.SSLContext:
    """Make what verifies the intake: the system's trust and, if given, *ca_file*.

    Args:
        ca_file: certificates in PEM format, or None.
        skip_validation: trust everybody; *ca_file* is not read then.
        ca_option: the option that names *ca_file*, for the error.

    Raises:
        OSError: naming *ca_file*, if it cannot be read.
    """
    if skip_validation:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = httpx2.create_ssl_context()
    if ca_file is not None:
        with explain_os_error(f"read the CA file {ca_file}", f"Check {ca_option}."):
            _trust(context, ca_file)
    return context


def _trust(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        # Its own words name a place in the source of OpenSSL.
        raise OSError(None, "it holds no certificate in PEM format") from error


def _quieten_libraries() -> None:
    """Keep what sends from logging a line for each request."""
    for library in ("httpx2", "httpcore2"):
        library_logger = logging.getLogger(library)
        # Whoever set a level meant it.
        if library_logger.level == logging.NOTSET:
            library_logger.setLevel(logging.WARNING)

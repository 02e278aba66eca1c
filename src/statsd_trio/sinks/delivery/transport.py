"""Open the connections to an endpoint: proxy, certificates, number of connections."""

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
    """Check and parse the base URL of an endpoint.

    Raises:
        ValueError: if it is not an http or https URL with a host. The message shows the
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
        settings: which proxies to use, and whom to trust.
        transport: replaces the network, in tests.

    Raises:
        OSError: if the CA file cannot be read; the message names it.
    """
    _quieten_libraries()
    if settings.skip_ssl_validation:
        logger.warning(
            "skip_ssl_validation is set: anybody in between can read and change"
            " what is sent, including the API key"
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
    """Return a transport for the endpoint at *url*; it does not connect yet.

    Args:
        url: decides which proxy is used, if any.
        max_connections: how many connections there may be at once.
        ssl_context: verifies the intake's certificate.
        proxies: for each scheme of an endpoint, an http or https URL, which may contain
            credentials.
        no_proxy: hosts, or ``host:port``, each matched exactly as in the Agent.

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
    # No error may quote the URL, because it contains credentials.
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
    """Return a context that trusts the system's certificates and those in *ca_file*.

    Args:
        ca_file: a file with certificates in PEM format, or None.
        skip_validation: trust any certificate; *ca_file* is not read then.
        ca_option: the option with the name of *ca_file*, for the error.

    Raises:
        OSError: if *ca_file* cannot be read; the message names it.
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
        # The error's own text names a line in OpenSSL's source code.
        raise OSError(None, "it holds no certificate in PEM format") from error


def _quieten_libraries() -> None:
    """Keep the HTTP libraries from logging a line for each request."""
    for library in ("httpx2", "httpcore2"):
        library_logger = logging.getLogger(library)
        # If a level was set, somebody wants it.
        if library_logger.level == logging.NOTSET:
            library_logger.setLevel(logging.WARNING)

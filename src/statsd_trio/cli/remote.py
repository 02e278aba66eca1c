"""The server that a command looks at: its URL, its answers, and its failures."""

import urllib.parse

import attrs
import click

from statsd_trio.config.parsing import split_address
from statsd_trio.config.secret import mask_credentials


class RemoteError(Exception):
    """The server could not be asked; the message is one line."""


@attrs.frozen
class Readiness:
    """Whether a server is ready, and why not.

    Attributes:
        conditions: problems that do not make it unready, by name.
        version: the version of the server; "" if it is older than 0.1.0.
        uptime_seconds: how long it has been running.
    """

    ready: bool
    reasons: tuple[str, ...]
    conditions: dict[str, str] = attrs.field(factory=dict[str, str])
    version: str = ""
    uptime_seconds: float = 0.0


@attrs.frozen
class NameUsage:
    """How many contexts a metric has, and how many values each of its tag keys has."""

    name: str
    contexts: int
    tag_values: dict[str, int]


@attrs.frozen
class Usage:
    """The metrics and tag keys with the most contexts, the largest first."""

    names: tuple[NameUsage, ...]
    tag_values: dict[str, int]


def parse_url(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str:
    """Return a URL; HOST:PORT is accepted as in the server's own option."""
    if value is None:
        raise click.UsageError(
            "Say where the server is: --url http://127.0.0.1:8127, or"
            " STATSD_TRIO_HTTP=127.0.0.1:8127. The server must have been started with"
            " the same address as its --http.",
            context,
        )
    if "://" not in value:
        try:
            host, port = split_address(value)
        except ValueError as error:
            shown = mask_credentials(value)
            raise click.BadParameter(f"{shown}: {error}", context, parameter) from error
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    shown = mask_credentials(value)
    if not value.startswith(("http://", "https://")):
        raise click.BadParameter(f"{shown}: not an HTTP address", context, parameter)
    try:
        has_host = bool(urllib.parse.urlsplit(value).hostname)
    except ValueError as error:
        raise click.BadParameter(f"{shown}: not a URL", context, parameter) from error
    if not has_host:
        raise click.BadParameter(f"{shown}: not an HTTP address", context, parameter)
    return value.rstrip("/")


url_option = click.option(
    "--url",
    metavar="URL",
    envvar="STATSD_TRIO_HTTP",
    show_envvar=True,
    callback=parse_url,
    help="Where the server shows itself; a URL or HOST:PORT.",
)

"""A running server, asked over the views that it serves on ``http``."""

import json
import sys
from typing import Final, NoReturn, Self, TypeVar

import attrs
import cattrs
import click
import httpx2

from statsd_trio.config.units import split_address
from statsd_trio.ledger import Ledger

# Far more than a ledger of a thousand listeners; what is longer is no ledger.
_MAX_BYTES: Final = 8 * 1024 * 1024

_TIMEOUT_SECONDS: Final = 5.0


_T = TypeVar("_T")


class RemoteError(Exception):
    """The server could not be asked, in one line."""


@attrs.frozen
class Readiness:
    """Whether a server can do its work, and why not."""

    ready: bool
    reasons: tuple[str, ...]


@attrs.frozen
class NameUsage:
    """How many contexts a metric has, and how many values each of its tag keys."""

    name: str
    contexts: int
    tag_values: dict[str, int]


@attrs.frozen
class Usage:
    """Who has the most, most first."""

    names: tuple[NameUsage, ...]
    tag_values: dict[str, int]


class Remote:
    """A server that runs elsewhere.

    Attributes:
        url: where it serves its views.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        # No proxy of the environment: what is asked is mostly on this host.
        self._client = httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def read_ledger(self) -> Ledger:
        """Ask what became of everything."""
        return self._read("/ledger", Ledger)

    def read_readiness(self) -> Readiness:
        """Ask whether it can do its work."""
        return self._read("/readyz", Readiness)

    def read_usage(self) -> Usage:
        """Ask who has the most."""
        return self._read("/contexts", Usage)

    def _read(self, path: str, kind: type[_T]) -> _T:
        try:
            answer = self._get(path)
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise RemoteError(f"cannot reach {self.url}: {reason}") from error
        try:
            return cattrs.structure(json.loads(answer), kind)
        except (
            cattrs.BaseValidationError,
            AttributeError,
            KeyError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise RemoteError(
                f"{self.url} is not where a statsd-trio server shows itself"
            ) from error

    def _get(self, path: str) -> bytes:
        body = bytearray()
        with self._client.stream("GET", self.url + path) as response:
            for chunk in response.iter_bytes(65536):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise RemoteError(f"{self.url} answers with too much")
        return bytes(body)


def parse_url(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str:
    """Take a URL, or HOST:PORT as the server's own option has it."""
    if value is None:
        raise click.UsageError(
            "say where the server shows itself: --url http://127.0.0.1:8127, or"
            " STATSD_TRIO_HTTP=127.0.0.1:8127; a server does, if it was started with"
            " the same --http",
            context,
        )
    if "://" not in value:
        try:
            host, port = split_address(value)
        except ValueError as error:
            raise click.BadParameter(f"{value}: {error}", context, parameter) from error
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if not value.startswith(("http://", "https://")):
        raise click.BadParameter(f"{value}: not an HTTP address", context, parameter)
    try:
        httpx2.URL(value)
    except httpx2.InvalidURL as error:
        raise click.BadParameter(f"{value}: {error}", context, parameter) from error
    return value.rstrip("/")


url_option = click.option(
    "--url",
    metavar="URL",
    envvar="STATSD_TRIO_HTTP",
    show_envvar=True,
    callback=parse_url,
    help="Where the server shows itself; a URL or HOST:PORT.",
)


def make_printable(text: str) -> str:
    """Write out what would steer a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def fail(error: RemoteError) -> NoReturn:
    """Say it in one line, and end with 1."""
    click.echo(make_printable(str(error)), err=True)
    sys.exit(1)

"""``statsd-trio top``: show live what a running server is busy with."""

import sys
import time
from typing import Final, TextIO

import click

from statsd_trio.cli.keyboard import open_keyboard
from statsd_trio.cli.messages import USAGE_EXIT, fail
from statsd_trio.cli.remote import RemoteError, url_option
from statsd_trio.errors import describe_missing_extra

_INTERVAL_SECONDS: Final = 2.0


@click.command(
    "top",
    short_help="Show the busiest metrics and tags of a running server.",
    epilog="""\b
    Example: statsd-trio serve --http 127.0.0.1:8127 ...
             statsd-trio top --url http://127.0.0.1:8127

    q or Ctrl-C ends it. Exit codes: 0 once it was shown, 1 if the server cannot be
    reached, 2 for wrong usage.
    """,
)
@url_option
@click.option(
    "--once", is_flag=True, help="Print once and end, as it does without a terminal."
)
def command(url: str, *, once: bool) -> None:
    """Show rates, the names with most contexts, and the tags with most values."""
    try:
        # Imported here, so that the other commands work without the extra, and do not
        # wait for it.
        from statsd_trio.cli.http_client import Remote  # noqa: PLC0415
        from statsd_trio.cli.screen import Screen, read_view  # noqa: PLC0415
    except ModuleNotFoundError as error:
        fail(describe_missing_extra("top", error, "top"), USAGE_EXIT)
    try:
        with Remote(url) as remote:
            screen = Screen(remote.name, read_view(remote, time.monotonic()))
            # It is None in a process that was started without standard input.
            stream: TextIO | None = sys.stdout
            if once or stream is None or not stream.isatty():
                screen.print_once()
            else:
                with open_keyboard(sys.stdin) as wait_for_quit:
                    screen.show(
                        lambda: read_view(remote, time.monotonic()),
                        lambda: wait_for_quit(_INTERVAL_SECONDS),
                    )
    except RemoteError as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(0)

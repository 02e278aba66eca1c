"""``statsd-trio dev``: receive metrics, and show everything on a web page."""

import contextlib
import functools
import importlib
import logging
import os
import sys

import attrs
import click
import trio

from statsd_trio.cli.flags import config_command, load_from_flags, read_from_flags
from statsd_trio.cli.logs import open_logging
from statsd_trio.cli.messages import USAGE_EXIT, fail, refuse
from statsd_trio.config import SourcedConfig
from statsd_trio.errors import ConfigError, describe_missing_extra, describe_os_error

logger = logging.getLogger(__name__)


@config_command(
    "dev",
    dash_hint="If it belongs to the program, put -- before the program.",
    short_help="Show what arrives on a web page.",
    epilog="""Example: statsd-trio dev --open

    With a program that sends to it: statsd-trio dev -- python app.py

    The page needs no account and no key, and nothing is sent anywhere, unless --tee is
    given. The program after -- finds the server by DD_AGENT_HOST, DD_DOGSTATSD_PORT,
    DD_DOGSTATSD_URL, STATSD_HOST and STATSD_PORT. SIGTERM, SIGINT and SIGQUIT are
    passed on to it; the third kills it.

    Exit codes: that of the program; without one, 0 after SIGTERM, SIGINT or SIGHUP. 1
    if an address cannot be used; 2 for a configuration that cannot be used, or a
    missing extra.
    """,
)
@click.option("--open", "is_opened", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--page",
    metavar="HOST:PORT",
    help="Where the page is.  [127.0.0.1:8129, or the next port that is free]",
)
@click.option(
    "--tee",
    "is_delivered",
    is_flag=True,
    help="Deliver to the sinks of the configuration as well.",
)
@click.argument("program", nargs=-1, type=click.UNPROCESSED)
def command(
    *,
    config_path: str | None,
    is_opened: bool,
    page: str | None,
    is_delivered: bool,
    program: tuple[str, ...],
    **flags: object,
) -> None:
    """Receive DogStatsD, and show every metric, event and bad line on a page.

    Runs PROGRAM, if one is given, with its environment set so that its client sends
    here.
    """
    try:
        showing = importlib.import_module("statsd_trio.cli.showing")
    except ModuleNotFoundError as error:
        fail(describe_missing_extra("the page", error, "http"), USAGE_EXIT)
    try:
        sourced = _load(config_path, flags, is_delivered=is_delivered)
        # Whoever runs this command wants a server, whatever a file says for production.
        config = attrs.evolve(sourced.config, use_dogstatsd=True)
        level = config.log_level
        if sourced.sources.get("log_level", "default") == "default":
            level = "warning"
        with open_logging(level, config.log_format):
            for warning in sourced.warnings:
                logger.warning("%s", warning)
            code, last_line = trio.run(
                functools.partial(
                    showing.show,
                    config,
                    page,
                    program,
                    environment=os.environ,
                    is_opened=is_opened,
                )
            )
    except ConfigError as error:
        refuse(error)
    except OSError as error:
        fail(describe_os_error(error))
    else:
        if last_line:
            # The terminal may be gone.
            with contextlib.suppress(OSError):
                click.echo(last_line, err=True)
        sys.exit(code)


def _load(
    config_path: str | None, flags: dict[str, object], *, is_delivered: bool
) -> SourcedConfig:
    """Load the configuration, with its sinks only if they are to be delivered to.

    Raises:
        ConfigError: with every problem. A wrong word for a sink is one in any case,
            but sinks that are not used need no key.
    """
    if is_delivered:
        return load_from_flags(config_path, flags)
    problems = read_from_flags(config_path, flags).problems
    if problems:
        raise ConfigError([*problems])
    sourced = load_from_flags(config_path, flags | {"sinks": ("none",)})
    if flags["sinks"] in {(), ("none",)}:
        return sourced
    warning = "--sink has no effect without --tee: nothing is delivered"
    return attrs.evolve(sourced, warnings=(*sourced.warnings, warning))

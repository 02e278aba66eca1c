"""``statsd-trio mock-intake``: a stand-in for Datadog, with one line per payload."""

from pathlib import Path

import click
import trio

from statsd_trio.cli.logs import open_logging
from statsd_trio.cli.messages import USAGE_EXIT, fail, refuse
from statsd_trio.errors import ConfigError, describe_os_error


@click.command(
    "mock-intake", epilog="Example: statsd-trio mock-intake --port 8126 --script f.toml"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8126,
    show_default=True,
    help="The port to listen on; 0 takes any free one.",
)
@click.option(
    "--script",
    type=click.Path(path_type=Path),
    help="A TOML or JSON file of faults with which to answer.",
)
@click.option(
    "--max-kept",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="How many of each kind are kept for /mock/...",
)
@click.option(
    "--max-kept-bytes",
    type=click.IntRange(min=1),
    default=256 * 1024 * 1024,
    show_default=True,
    help="How much memory they may take, all together.",
)
def command(
    host: str, port: int, script: Path | None, max_kept: int, max_kept_bytes: int
) -> None:
    """Run a stand-in for Datadog that checks and shows payloads.

    No account is needed, and any API key is accepted. Ctrl-C ends it.
    """
    try:
        # Imported here, so that the other commands work without the extra.
        from statsd_trio.cli.mock_intake_server import load_rules, run_mock_intake  # noqa: PLC0415
    except ModuleNotFoundError as error:
        fail(str(error), USAGE_EXIT)
    try:
        rules = load_rules(script)
    except ConfigError as error:
        refuse(error)
    try:
        with open_logging("warning", "text"):
            trio.run(run_mock_intake, host, port, rules, max_kept, max_kept_bytes)
    except OSError as error:
        fail(describe_os_error(error))

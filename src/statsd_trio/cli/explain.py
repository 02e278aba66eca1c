"""``statsd-trio explain``: explain what a line means, or why it is rejected."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click

from statsd_trio.cli.dashes import DashedCommand
from statsd_trio.cli.flags import load_from_flags
from statsd_trio.cli.messages import refuse
from statsd_trio.errors import ConfigError
from statsd_trio.explain import (
    Explanation,
    describe_explanation,
    explain_line,
    render_explanation,
)


@click.command(
    "explain",
    cls=DashedCommand,
    dash_hint="If it is a LINE, put -- before the first LINE.",
    epilog="Example: statsd-trio explain 'page.views:1|c|@0.5|#env:prod'",
)
@click.argument("lines", metavar="[LINE]...", nargs=-1)
@click.option(
    "--config",
    "config_path",
    metavar="PATH",
    help="Read the lines as a server with this TOML file, or datadog.yaml, would."
    " The variables of such a server count in any case.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(lines: tuple[str, ...], *, config_path: str | None, as_json: bool) -> None:
    """Say what each LINE of DogStatsD means, or why it is rejected.

    Without a LINE, lines are read from standard input. Exits with 1 if any line is
    rejected. Quote the lines, since | and # mean something to a shell.
    """
    try:
        explain = _make_explain(config_path)
    except ConfigError as error:
        refuse(error)
    # Arguments that are not UTF-8 arrive as surrogates, and are encoded the same way.
    source: Iterable[bytes] = sys.stdin.buffer
    if lines:
        source = [os.fsencode(line) for line in lines]
    elif sys.stdin.isatty():
        click.echo("Type lines of DogStatsD; Ctrl-D ends it.", err=True)
    is_rejected = False
    is_first = True
    for line in _split_lines(source):
        explanation = explain(line, now=time.time())
        is_rejected = is_rejected or explanation.rejection is not None
        if as_json:
            click.echo(json.dumps(describe_explanation(explanation), allow_nan=False))
        else:
            shown = render_explanation(explanation)
            click.echo(shown if is_first else f"\n{shown}")
        is_first = False
    if is_first and lines:
        click.echo("The line is empty; a server ignores it.", err=True)
    sys.exit(1 if is_rejected else 0)


def _make_explain(config_path: str | None) -> Callable[..., Explanation]:
    """Return `explain_line` with the settings of the server at *config_path*.

    Raises:
        ConfigError: with every problem of the file and the environment.
    """
    if config_path is None and not any(map(_is_setting, os.environ)):
        return explain_line
    # This imports for half a second, and is only needed with a configuration.
    from statsd_trio.server.settings import (  # noqa: PLC0415
        make_aggregation_settings,
        make_rules,
    )

    # Nothing is delivered, so no key is needed.
    config = load_from_flags(config_path, {"sinks": "none"}).config
    rules = make_rules(config)
    return partial(
        explain_line,
        rules=rules,
        settings=make_aggregation_settings(config, rules),
        use_timestamps=config.no_aggregation_pipeline,
    )


def _is_setting(variable: str) -> bool:
    return variable.startswith(("DD_", "STATSD_TRIO_"))


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for line in chunk.split(b"\n"):
            if line.removesuffix(b"\r"):
                yield line

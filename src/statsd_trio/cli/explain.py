"""``statsd-trio explain``: what a line means, or why it is refused."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator

import click

from statsd_trio.protocol.explain import (
    describe_explanation,
    explain_line,
    render_explanation,
)


@click.command(
    "explain", epilog="Example: statsd-trio explain 'page.views:1|c|@0.5|#env:prod'"
)
@click.argument("lines", metavar="[LINE]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(lines: tuple[str, ...], *, as_json: bool) -> None:
    """Say what each LINE of DogStatsD means, or why it is refused.

    Without a LINE, lines are read from standard input. Exits with 1 if any line is
    refused. Quote the lines, since | and # mean something to a shell.
    """
    # Arguments that are not UTF-8 arrive as surrogates, and leave as they came.
    source: Iterable[bytes] = sys.stdin.buffer
    if lines:
        source = [os.fsencode(line) for line in lines]
    is_refused = False
    is_first = True
    for line in _split_lines(source):
        explanation = explain_line(line, now=time.time())
        is_refused = is_refused or explanation.refusal is not None
        if as_json:
            click.echo(json.dumps(describe_explanation(explanation), allow_nan=False))
        else:
            text = render_explanation(explanation)
            encoding = sys.stdout.encoding or "utf-8"
            shown = text.encode(encoding, "backslashreplace").decode(encoding)
            click.echo(shown if is_first else f"\n{shown}")
        is_first = False
    sys.exit(1 if is_refused else 0)


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for line in chunk.split(b"\n"):
            if line.removesuffix(b"\r"):
                yield line

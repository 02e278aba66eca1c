"""Errors and warnings on standard error, in one form for every command.

A line names what happened and to what, and says what to do: ``Error: top needs rich,
which is not installed; run pip install 'statsd-trio[top]'``. On a terminal its first
word has a colour.
"""

import sys
from typing import Final, NoReturn

import click

from statsd_trio.errors import ConfigError
from statsd_trio.printable import escape

FAILURE_EXIT: Final = 1
USAGE_EXIT: Final = 2


def write_error(message: str) -> None:
    """Write one line about what keeps a command from its work."""
    label = click.style("Error:", fg="red", bold=True)
    click.echo(f"{label} {escape(message)}", err=True)


def write_warning(message: str) -> None:
    """Write one line about what does not."""
    label = click.style("Warning:", fg="yellow", bold=True)
    click.echo(f"{label} {escape(message)}", err=True)


def fail(message: str, exit_code: int = FAILURE_EXIT) -> NoReturn:
    """Write one line, and end the command."""
    write_error(message)
    sys.exit(exit_code)


def refuse(error: ConfigError) -> NoReturn:
    """Write one line for each problem of a configuration, and end the command."""
    for problem in error.problems:
        write_error(problem)
    sys.exit(USAGE_EXIT)

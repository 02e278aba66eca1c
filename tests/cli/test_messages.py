"""Errors and warnings, and the colours of a terminal."""

import io
import logging

import click
import pytest
from click.testing import CliRunner

from statsd_trio.cli import main
from statsd_trio.cli.logs import open_logging
from statsd_trio.cli.messages import refuse, write_error, write_warning
from statsd_trio.errors import ConfigError, describe_missing_extra


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_problem_is_an_error_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        refuse(ConfigError(["--port=x: not a port", "no API key"]))

    assert ended.value.code == 2
    assert capsys.readouterr().err == "Error: --port=x: not a port\nError: no API key\n"


@pytest.mark.parametrize("write", [write_error, write_warning])
def test_text_from_outside_cannot_steer_the_terminal(
    write: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(write)
    write("/x\x1b[2J")

    assert "/x\\x1b[2J\n" in capsys.readouterr().err


def test_missing_extra_is_said_in_one_form() -> None:
    error = ModuleNotFoundError(name="starlette.routing")

    assert describe_missing_extra("the page", error, "http") == (
        "the page needs starlette, which is not installed;"
        " run pip install 'statsd-trio[http]'"
    )


@pytest.mark.parametrize(("no_color", "has_colour"), [("", True), ("1", False)])
def test_colours_are_shown_unless_no_color_is_set(
    no_color: str, *, has_colour: bool
) -> None:
    # As on a terminal.
    done = CliRunner().invoke(
        main, ["serve", "--port", "x"], color=True, env={"NO_COLOR": no_color}
    )

    assert ("\x1b[31m" in done.stderr) is has_colour


def test_what_is_not_a_terminal_gets_no_colours() -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "x"])

    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("stream", "color", "has_colour"),
    [
        (Terminal(), None, True),
        (Terminal(), False, False),
        (io.StringIO(), None, False),
    ],
)
def test_levels_of_the_log_have_colours_on_a_terminal(
    stream: io.StringIO, *, color: bool | None, has_colour: bool
) -> None:
    context = click.Context(main, color=color)
    with context, open_logging("info", "text", stream):
        logging.getLogger("statsd_trio").info("listening")
        logging.getLogger("statsd_trio").warning("a queue is full")

    info, warning = stream.getvalue().splitlines()
    # What is ordinary has none.
    assert "\x1b" not in info
    assert ("\x1b[33mWARNING " in warning) is has_colour

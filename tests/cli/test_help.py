"""What holds for every command."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from statsd_trio.cli import main

COMMAND_LINE_PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def list_commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if isinstance(found, click.Group):
                yield from list_commands(found, *path, name)
            else:
                yield (*path, name)


COMMANDS = list(list_commands(main))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_has_an_example_of_the_command(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*path, "--help"], terminal_width=100)

    assert done.exit_code == 0
    _, found, example = done.stdout.partition("Example: ")
    assert found
    assert f"statsd-trio {' '.join(path)}" in re.sub(r"\s+", " ", example)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_flag_that_is_unknown_exits_with_2(path: tuple[str, ...]) -> None:
    assert CliRunner().invoke(main, [*path, "--no-such-flag"]).exit_code == 2


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_documentation_names_the_command(path: tuple[str, ...]) -> None:
    page = COMMAND_LINE_PAGE.read_text(encoding="utf-8")

    assert f"`statsd-trio {' '.join(path)}" in page


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str) -> None:
    if shell == "bash" and sys.platform == "win32":
        pytest.skip("click asks bash for its version")
    done = CliRunner().invoke(
        main,
        prog_name="statsd-trio",
        env={"_STATSD_TRIO_COMPLETE": f"{shell}_source"},
    )

    assert done.exit_code == 0
    assert "_STATSD_TRIO_COMPLETE" in done.stdout


def test_completion_offers_the_commands() -> None:
    done = CliRunner().invoke(
        main,
        prog_name="statsd-trio",
        env={
            "_STATSD_TRIO_COMPLETE": "bash_complete",
            "COMP_WORDS": "statsd-trio s",
            "COMP_CWORD": "1",
        },
    )

    assert {"plain,send", "plain,serve"} <= set(done.stdout.split())

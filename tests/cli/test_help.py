"""What holds for every command."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from statsd_trio.cli import main
from statsd_trio.cli.serve import command as serve

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


def complete(line: str) -> list[str]:
    """Return what a shell is offered for the last word of *line*."""
    done = CliRunner().invoke(
        main,
        prog_name="statsd-trio",
        env={
            "_STATSD_TRIO_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
        },
    )
    return done.stdout.split()


def test_completion_offers_the_commands() -> None:
    assert {"plain,send", "plain,serve"} <= set(complete("statsd-trio s"))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("serve --sink c", ["plain,console"]),
        ("serve --log-level war", ["plain,warning"]),
        ("serve --config s", ["file,s"]),
        ("serve --jsonl-path s", ["file,s"]),
        ("mock-intake --script s", ["file,s"]),
        ("capture s", ["file,s"]),
        ("replay s", ["file,s"]),
    ],
)
def test_completion_offers_words_and_files(line: str, offered: list[str]) -> None:
    assert complete(f"statsd-trio {line}") == offered


def test_completion_of_a_list_keeps_the_words_before_a_comma() -> None:
    context = click.Context(serve)
    [sinks] = [param for param in serve.params if param.name == "sinks"]

    offered = sinks.shell_complete(context, "console,j")

    assert [each.value for each in offered] == ["console,jsonl"]


@pytest.mark.parametrize("path", [(), ("config",), *COMMANDS], ids=" ".join)
def test_h_is_short_for_help(path: tuple[str, ...]) -> None:
    short = CliRunner().invoke(main, [*path, "-h"])

    assert short.exit_code == 0
    assert short.stdout == CliRunner().invoke(main, [*path, "--help"]).stdout


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["sreve"], "Did you mean 'serve'?"),
        (["config", "chekc"], "Did you mean 'check'?"),
        (["serve", "--log-fromat", "json"], "Did you mean '--log-format'?"),
        (["send", "--cuont", "1"], "Did you mean '--count'?"),
    ],
)
def test_mistyped_word_is_answered_with_the_nearest(
    arguments: list[str], suggestion: str
) -> None:
    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 2
    assert suggestion in done.stderr


@pytest.mark.parametrize("path", ["config show", "config check", "dev"])
def test_only_serve_lists_the_flags_of_the_configuration(path: str) -> None:
    done = CliRunner().invoke(main, [*path.split(), "--help"])

    assert "--max-contexts" not in done.stdout
    assert "`statsd-trio serve --help`" in re.sub(r"\s+", " ", done.stdout)
    assert len(done.stdout.splitlines()) < 45


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--aggregation-pipeline", False), ("--no-aggregation-pipeline", True)],
)
def test_flag_of_a_field_that_begins_with_no_has_a_plain_opposite(
    flag: str, value: bool
) -> None:
    done = CliRunner().invoke(
        main, ["config", "show", "--json", "--sink", "console", flag]
    )

    assert json.loads(done.stdout)["no_aggregation_pipeline"]["value"] is value


@pytest.mark.parametrize(("path", "width"), [([], 80), (["config"], 60)])
def test_list_of_commands_is_cut_off_nowhere(path: list[str], width: int) -> None:
    done = CliRunner().invoke(main, [*path, "--help"], terminal_width=width)

    assert done.exit_code == 0
    assert "..." not in done.stdout.partition("Commands:")[2]

"""The two commands of the README are those that are checked, and its links lead on."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def find_commands() -> list[str]:
    return re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)


def test_ci_runs_the_readme_s_test_command() -> None:
    (test_command,) = [line for line in find_commands() if line.endswith("-s tests")]
    ci_lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert test_command in ci_lines


def test_the_readme_s_commands_differ_in_nothing_but_the_session() -> None:
    commands = [shlex.split(command) for command in find_commands()]
    assert [command[-1] for command in commands] == ["example", "tests"]
    assert commands[0][:-1] == commands[1][:-1]


def test_each_link_to_a_file_leads_to_one() -> None:
    # setup.py makes links to the repository of them, for the page of an index.
    links = re.findall(r"\]\((?![a-z]+:|#)([^)#]+)", README)
    images = re.findall(r'(?:src|srcset)="(?![a-z]+:)([^"]+)"', README)
    assert links
    assert images
    assert [link for link in [*links, *images] if not (ROOT / link).is_file()] == []

"""What GitHub and Read the Docs run are sessions of the noxfile, and nothing else."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILES = [*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / ".readthedocs.yaml"]


def list_sessions() -> set[str]:
    """List the functions of the noxfile that are sessions."""
    module = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in module.body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(each) for each in node.decorator_list)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_workflow_runs_is_a_session(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = re.findall(r"-m nox -s ([a-z_-]+)", text)
    assert commands or "matrix.sessions" in text
    named = {command.rstrip("-") for command in commands}
    for sessions in re.findall(r"^ {10}- ([a-z_ -]+)$", text, re.MULTILINE):
        named |= set(sessions.partition(" -- ")[0].split())
    assert named <= list_sessions()


@pytest.mark.parametrize("path", FILES[:-1], ids=lambda path: path.name)
def test_a_workflow_may_do_nothing_that_its_jobs_do_not_ask_for(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}


def test_every_supported_python_is_tested() -> None:
    checks = yaml.safe_load((FILES[0].parent / "checks.yml").read_text("utf-8"))
    tested = checks["jobs"]["tests"]["strategy"]["matrix"]["python"]
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert tested == re.findall(
        r"Programming Language :: Python :: (3\.\d+)", pyproject
    )

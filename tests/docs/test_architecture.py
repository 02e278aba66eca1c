"""The walks through the code in docs/architecture.md name what there is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "src" / "statsd_trio"
ROW = re.compile(r"\| \d+ \| `(?P<path>[^`]+)` \| (?P<names>[^|]+) \|")

ROWS = [
    (row["path"], name)
    for row in ROW.finditer(DOCUMENT.read_text(encoding="utf-8"))
    for name in re.findall(r"`([^`]+)`", row["names"])
]


def list_names(path: Path) -> set[str]:
    """List the functions of a module, and the methods of its classes."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{member.name}"
                for member in node.body
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return names


def test_the_walk_goes_from_a_reader_to_a_sink() -> None:
    assert ROWS[0][0].startswith("transports/")
    assert ROWS[-1][0].startswith("sinks/")


# Two walks may pass the same place.
@pytest.mark.parametrize(("path", "name"), dict.fromkeys(ROWS))
def test_each_step_is_where_the_walk_says(path: str, name: str) -> None:
    assert name in list_names(PACKAGE / path)


def test_protection_from_ki_has_one_spelling() -> None:
    modules = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "enable_ki_protection" in path.read_text(encoding="utf-8")
    ]
    assert modules == ["ki.py"]

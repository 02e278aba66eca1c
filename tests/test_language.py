"""Hold docstrings and messages to whole sentences that a colleague would say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "benchmarks", "attacks", "examples")
FILES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.name.endswith("_pb2.py")
]

# What a docstring must not be: an order to tell, or a pipe of two nouns.
BAD_DOCSTRINGS = (
    re.compile(r"^Tell\b"),
    re.compile(r"\bin[,;] [^.;]{1,80}\bout[.,;]"),
)
# "is not a number" is what people say; "there is no number" is as well.
BAD_WORDS = re.compile(
    r"(?<!there )(?<!There )\b(?:is|are) no (?!longer|more than|less than)\w+"
    r"|\bhence\b|\bwhence\b|\bheeds?\b|\bfor good\b|\bas good as none\b"
)


def read_texts(path: Path) -> Iterator[tuple[int, bool, str]]:
    """Yield line, whether it is a docstring, and text, of every text of a file."""
    tree = ast.parse(path.read_text("utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"\s+", " ", node.value)
            yield node.lineno, id(node) in docstrings, text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_are_plain_sentences(path: Path) -> None:
    bad = [
        f"{path.relative_to(ROOT)}:{line}: {text[:100]}"
        for line, is_docstring, text in read_texts(path)
        if BAD_WORDS.search(text)
        or (is_docstring and any(each.search(text) for each in BAD_DOCSTRINGS))
    ]

    assert not bad


@pytest.mark.parametrize(
    ("text", "is_bad"),
    [
        ("it is no number", True),
        ("there is no number", False),
        ("it is no longer there", False),
        ("heeds a cancel", True),
    ],
)
def test_bad_words_are_found(text: str, is_bad: bool) -> None:
    assert bool(BAD_WORDS.search(text)) is is_bad


@pytest.mark.parametrize(
    "text", ["Tell what it is.", "A line in; a value out.", "Bytes in, text out."]
)
def test_bad_docstrings_are_found(text: str) -> None:
    assert any(each.search(text) for each in BAD_DOCSTRINGS)

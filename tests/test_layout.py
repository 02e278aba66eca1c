"""The tests of a package stand in the folder of tests/ that has its name."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "src" / "statsd_trio"

# Where the subjects of the tests are.
SOURCES = (PACKAGE, ROOT / "src", ROOT)

# What is about several packages at once, or about the project.
OTHER_FOLDERS = {"browser", "end_to_end"}
OTHER_MODULES = {
    "test_environment",
    "test_language",
    "test_layout",
    "test_public_names",
    "test_workflows",
}


def find_misplaced(tests: Iterable[Path]) -> Iterator[Path]:
    """Find the test modules that stand where no subject of theirs is.

    Args:
        tests: the paths of test modules, relative to `TESTS`.
    """
    for test in tests:
        folder = test.parent
        if folder != Path():
            is_placed = folder.parts[0] in OTHER_FOLDERS or any(
                (source / folder).is_dir() for source in SOURCES
            )
        else:
            subject = test.stem.removeprefix("test_")
            is_placed = test.stem in OTHER_MODULES or (
                (PACKAGE / subject).with_suffix(".py").is_file()
            )
        if not is_placed:
            yield test


def test_every_test_module_stands_where_its_subject_does() -> None:
    tests = [path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")]
    assert list(find_misplaced(tests)) == []


@pytest.mark.parametrize(
    "path",
    [
        "nowhere/test_server.py",
        "sinks/nowhere/test_server.py",
        "test_sinks.py",  # The tests of a package have a folder.
        "test_nothing.py",
    ],
)
def test_a_module_that_stands_elsewhere_is_found(path: str) -> None:
    assert list(find_misplaced([Path(path)])) == [Path(path)]


def test_every_package_has_tests() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {name for name in packages if not (TESTS / name).is_dir()} == set()

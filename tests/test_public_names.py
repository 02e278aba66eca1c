"""The names that a user may import; a change here is a change for users."""

import ast
import importlib
import importlib.metadata
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import statsd_trio

PUBLIC_NAMES = {
    "statsd_trio": [
        "ClientOrigin",
        "Config",
        "ConfigError",
        "ContextRanking",
        "ContextsLedger",
        "Event",
        "ForwardLedger",
        "Ledger",
        "LinesLedger",
        "ListenerLedger",
        "MapperProfile",
        "MemoryLedger",
        "MetricMapping",
        "MetricType",
        "Origin",
        "ParseError",
        "Point",
        "QueueLedger",
        "Reason",
        "RouteLedger",
        "Rules",
        "Sample",
        "SamplesLedger",
        "Secret",
        "Series",
        "SeriesType",
        "Server",
        "ServerThread",
        "ServiceCheck",
        "ServiceStatus",
        "Sink",
        "SinkError",
        "SinkLedger",
        "Sketch",
        "SketchPoint",
        "Snapshot",
        "SnapshotPoints",
        "TagFilterEntry",
        "Watcher",
        "__version__",
        "load_config",
        "serve",
    ],
}


@pytest.mark.parametrize("module_name", PUBLIC_NAMES)
def test_all_lists_exactly_the_public_names(module_name: str) -> None:
    module = importlib.import_module(module_name)
    assert sorted(module.__all__) == PUBLIC_NAMES[module_name]


def test_version_is_the_one_that_is_installed() -> None:
    assert statsd_trio.__version__ == importlib.metadata.version("statsd-trio")


@pytest.mark.parametrize("module_name", PUBLIC_NAMES)
def test_every_public_name_is_there(module_name: str) -> None:
    module = importlib.import_module(module_name)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_package_imports_only_what_it_offers() -> None:
    tree = ast.parse(Path(inspect.getfile(statsd_trio)).read_text(encoding="utf-8"))
    imported = [
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(imported) == sorted(statsd_trio.__all__)


ROOT = Path(__file__).parents[1]
PUBLIC_PACKAGES = [
    "statsd_trio",
    "statsd_trio.dev",
    "statsd_trio.mock_intake",
    "statsd_trio.protocol",
    "statsd_trio.testing",
    "pytest_statsd_trio",
]
# Where the reference says from which module the names come, and each of them.
REFERENCE = re.compile(
    r"^\.\. (?:(?P<is_module>module|currentmodule)|[\w:]+)::[ ](?P<name>[\w.]+)",
    re.MULTILINE,
)
IMPORT = re.compile(
    r"^ *from (?P<module>(?:pytest_)?statsd_trio[\w.]*) import "
    r"(?P<names>\((?:[^)]*)\)|[^\n(]+)$",
    re.MULTILINE,
)


def list_reference() -> set[str]:
    """List what the reference describes, with the module of each name."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    module = ""
    described: set[str] = set()
    for found in REFERENCE.finditer(page):
        if found["is_module"]:
            module = found["name"]
        described |= {found["name"], f"{module}.{found['name']}"}
    return described


@pytest.mark.parametrize("package", PUBLIC_PACKAGES)
def test_every_public_name_is_in_the_reference(package: str) -> None:
    names = importlib.import_module(package).__all__
    # What several packages offer is described where the reader finds it first.
    described = list_reference() | {
        f"{package}.{name}"
        for name in names
        if package != "statsd_trio" and is_same(package, name)
    }
    assert [name for name in names if f"{package}.{name}" not in described] == []


def is_same(package: str, name: str) -> bool:
    """Say whether `statsd_trio` offers the same thing under this name."""
    module = importlib.import_module(package)
    return getattr(module, name) is getattr(statsd_trio, name, None)


def list_what_a_user_reads() -> list[Path]:
    examples = (ROOT / "examples").rglob("*.py")
    return [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *examples]


def test_what_a_user_reads_imports_only_public_names() -> None:
    imported: set[tuple[str, str]] = set()
    for path in list_what_a_user_reads():
        for found in IMPORT.finditer(path.read_text(encoding="utf-8")):
            names = re.findall(r"\w+(?= as )|(?<! as )\b\w+", found["names"])
            imported |= {(found["module"], name) for name in names}
    assert ("statsd_trio", "serve") in imported
    assert [
        f"{module}: {name}"
        for module, name in sorted(imported)
        if module not in PUBLIC_PACKAGES
        or name not in importlib.import_module(module).__all__
    ] == []


def list_hints(value: Any) -> Iterator[Any]:
    """List what the fields and public methods of a class, or a function, name."""
    if not isinstance(value, type):
        yield from typing.get_type_hints(value).values()
        return
    for name, hint in typing.get_type_hints(value).items():
        if not name.startswith("_"):
            yield hint
    for name, member in vars(value).items():
        function = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function) and not name.startswith("_"):
            yield from typing.get_type_hints(function).values()


def list_classes(hint: Any) -> Iterator[type]:
    """List the classes of ours in an annotation."""
    for argument in typing.get_args(hint):
        yield from list_classes(argument)
    if isinstance(hint, list):
        for argument in hint:
            yield from list_classes(argument)
    if isinstance(hint, type) and hint.__module__.startswith("statsd_trio"):
        yield hint


def test_each_type_in_a_public_signature_is_public() -> None:
    public = {
        getattr(importlib.import_module(package), name)
        for package in ("statsd_trio", "statsd_trio.protocol")
        for name in importlib.import_module(package).__all__
        if isinstance(getattr(importlib.import_module(package), name), type)
    }
    named = {
        found
        for name in statsd_trio.__all__
        if callable(value := getattr(statsd_trio, name))
        for hint in list_hints(value)
        for found in list_classes(hint)
    }
    assert statsd_trio.Series in named
    assert [found.__qualname__ for found in named - public] == []

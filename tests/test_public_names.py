"""The names that a user may import; a change here is a change for users."""

import ast
import importlib
import importlib.metadata
import inspect
from pathlib import Path

import pytest

import statsd_trio

PUBLIC_NAMES = {
    "statsd_trio": [
        "ClientOrigin",
        "Config",
        "ConfigError",
        "Event",
        "Ledger",
        "MapperProfile",
        "MetricMapping",
        "MetricType",
        "Origin",
        "ParseError",
        "Reason",
        "Sample",
        "Secret",
        "Server",
        "ServerThread",
        "ServiceCheck",
        "ServiceStatus",
        "Sink",
        "SinkError",
        "Snapshot",
        "TagFilterEntry",
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


def test_every_public_name_is_documented() -> None:
    page = Path(__file__).parents[1] / "docs" / "embedding.md"
    text = page.read_text(encoding="utf-8").partition("## Public names")[2]
    assert [name for name in statsd_trio.__all__ if f"`{name}`" not in text] == []

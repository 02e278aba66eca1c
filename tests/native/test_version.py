"""The native module has the version of the package that it is part of."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def test_the_crate_has_the_version_of_the_package() -> None:
    version = read_toml("pyproject.toml")["project"]["version"]
    assert read_toml("native/Cargo.toml")["package"]["version"] == version
    locked = {
        crate["name"]: crate["version"]
        for crate in read_toml("native/Cargo.lock")["package"]
    }
    assert locked["statsd-trio-native"] == version

"""What must not be installed beside the project, or loaded with it."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def list_requirements(groups: dict[str, Any], name: str) -> list[str]:
    requirements: list[str] = []
    for entry in groups[name]:
        if isinstance(entry, str):
            requirements.append(entry)
        else:
            requirements += list_requirements(groups, entry["include-group"])
    return requirements


def test_trio_typing_is_not_installed_here() -> None:
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("trio-typing")


def test_only_its_own_group_brings_trio_typing() -> None:
    pyproject = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    groups = pyproject["dependency-groups"]
    bringing = {
        name
        for name in groups
        if any(
            requirement.startswith("trio-typing")
            for requirement in list_requirements(groups, name)
        )
    }
    assert bringing == {"trio-typing"}
    assert not any(
        requirement.startswith("trio-typing")
        for requirements in [
            pyproject["project"]["dependencies"],
            *pyproject["project"]["optional-dependencies"].values(),
        ]
        for requirement in requirements
    )


def test_loading_the_pytest_plugin_loads_nothing_slow() -> None:
    # Every user's pytest loads it at its start, used or not.
    program = """if True:
        import sys
        import pytest_statsd_trio
        print(sorted({"attrs", "cattrs", "statsd_trio", "trio"} & sys.modules.keys()))
    """
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"

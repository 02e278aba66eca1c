"""What must not be installed beside the project."""

import importlib.metadata
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

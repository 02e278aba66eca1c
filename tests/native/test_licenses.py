"""A wheel holds the licences of the crates that its native module is linked with."""

import tomllib
from pathlib import Path

import yaml

NATIVE = Path(__file__).parents[2] / "native"

# What only builds, and is not in the module.
BUILDING = {"pyo3-build-config", "target-lexicon"}


def test_each_crate_has_its_licence_in_the_locked_version() -> None:
    # CONTRIBUTING.md says how the file is written anew.
    text = (NATIVE / "THIRD-PARTY-LICENSES.yml").read_text(encoding="utf-8")
    licensed = {
        (crate["package_name"], crate["package_version"])
        for crate in yaml.safe_load(text)["third_party_libraries"]
        if all(each["text"] for each in crate["licenses"])
    }
    lock = tomllib.loads((NATIVE / "Cargo.lock").read_text(encoding="utf-8"))
    locked = {
        (crate["name"], crate["version"])
        for crate in lock["package"]
        if "source" in crate and crate["name"] not in BUILDING
    }
    assert licensed == locked

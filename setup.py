"""Build the native engine where Rust is at hand; pyproject.toml says all the rest."""

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools_rust import Binding, RustExtension


def _list_extensions() -> list[RustExtension]:
    if os.environ.get("STATSD_TRIO_BUILD_NATIVE") == "0":
        return []
    if shutil.which("cargo") is None:
        sys.stderr.write(
            "statsd-trio: Rust was not found, so the plain engine is installed alone; "
            "install Rust and install again for the fast one.\n"
        )
        return []
    return [
        RustExtension(
            "statsd_trio._native",
            path="native/Cargo.toml",
            binding=Binding.PyO3,
            # Also in an editable install: a debug build is slower than plain Python.
            debug=False,
            # Where it does not build, everything works without it.
            optional=True,
            py_limited_api=True,
        )
    ]


def _write_description() -> str:
    """Return README.md with links that work outside the repository.

    An index shows the README without the files beside it, so each link to such a file
    becomes one to the repository, at the tag of this version.
    """
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    repository, tag = project["urls"]["Repository"], f"v{project['version']}"
    readme = Path("README.md").read_text("utf-8")
    pages = re.sub(
        r"\]\((?![a-z]+:|#)", f"]({repository.rstrip('/')}/blob/{tag}/", readme
    )
    return re.sub(
        r'(src|srcset)="(?![a-z]+:)',
        rf'\1="{repository.rstrip("/")}/raw/{tag}/',
        pages,
    )


setup(
    long_description=_write_description(),
    long_description_content_type="text/markdown",
    rust_extensions=_list_extensions(),
)

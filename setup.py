"""Build the native engine where Rust is at hand; pyproject.toml says all the rest."""

import os
import shutil
import sys

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


setup(rust_extensions=_list_extensions())

"""Find the engine written in Rust: the module ``statsd_trio._native``."""

import importlib

from statsd_trio.engine.engine import MakeEngine


def find_native() -> MakeEngine | None:
    """Return the class of the native engine, or None if it is not installed.

    Raises:
        ImportError: if it is installed but cannot be loaded.
    """
    try:
        module = importlib.import_module("statsd_trio._native")
    except ModuleNotFoundError:
        return None
    make_engine: MakeEngine = module.Engine
    return make_engine

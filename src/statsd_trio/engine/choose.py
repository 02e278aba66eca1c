"""Choose the engine that runs; this is decided once, when the server starts."""

import attrs

from statsd_trio.engine.engine import MakeEngine
from statsd_trio.engine.native import find_native
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.errors import ConfigError


@attrs.frozen
class EngineChoice:
    """The engine that runs, and the reason for it.

    Attributes:
        make: the engine's class.
        why_plain: why the native engine does not run although it was wanted; "" if it
            runs, or if the plain engine was asked for.
    """

    make: MakeEngine
    why_plain: str = ""


def choose_engine(name: str = "auto") -> EngineChoice:
    """Choose the engine called *name*.

    Args:
        name: ``plain``, ``native``, or ``auto``, which uses the native engine if it is
            installed and can be loaded, and the plain one otherwise.

    Raises:
        ConfigError: if the native engine is asked for and cannot be used.
    """
    if name == "plain":
        return EngineChoice(PlainEngine)
    trouble = "is not installed"
    try:
        native = find_native()
    except ImportError as error:
        native, trouble = None, f"cannot be loaded: {error}"
    if native is not None:
        return EngineChoice(native)
    if name == "native":
        problem = (
            f"engine: the native engine {trouble}. Install Rust, then statsd-trio "
            "again from its source (pip install --force-reinstall --no-deps . in a "
            "clone); or set the engine to auto or plain"
        )
        raise ConfigError([problem])
    return EngineChoice(PlainEngine, f"the native one {trouble}")

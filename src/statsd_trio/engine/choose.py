"""Which engine runs: decided once, at the start."""

from statsd_trio.engine.engine import MakeEngine
from statsd_trio.engine.native import find_native
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.errors import ConfigError


def choose_engine(name: str = "auto") -> MakeEngine:
    """Return the class of the engine called *name*.

    Args:
        name: ``plain``, ``native``, or ``auto`` for the native one where it is
            installed and can be loaded, else the plain one.

    Raises:
        ConfigError: if the native one is asked for and missing.
    """
    if name == "plain":
        return PlainEngine
    trouble = "is not installed"
    try:
        native = find_native()
    except ImportError as error:
        native, trouble = None, f"cannot be loaded: {error}"
    if native is not None:
        return native
    if name == "native":
        raise ConfigError(
            [
                (
                    f"engine: the native engine {trouble}. Install Rust, then "
                    "statsd-trio again from its source (pip install --force-reinstall "
                    "--no-deps . in a clone); or set the engine to auto or plain"
                )
            ]
        )
    return PlainEngine

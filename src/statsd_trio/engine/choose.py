"""Which engine runs: decided once, at the start."""

from statsd_trio.engine.engine import MakeEngine
from statsd_trio.engine.native import find_native
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.errors import ConfigError


def choose_engine(name: str = "auto") -> MakeEngine:
    """Return the class of the engine called *name*.

    Args:
        name: ``plain``, ``native``, or ``auto`` for the native one where it is
            installed, else the plain one.

    Raises:
        ConfigError: if the native one is asked for and missing.
    """
    if name == "plain":
        return PlainEngine
    native = find_native()
    if native is not None:
        return native
    if name == "native":
        raise ConfigError(
            [
                (
                    "engine: the native engine is not installed. Install Rust, then "
                    "statsd-trio from its source (pip install --no-binary statsd-trio "
                    "statsd-trio); or set the engine to auto or plain"
                )
            ]
        )
    return PlainEngine

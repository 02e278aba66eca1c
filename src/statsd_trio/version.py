"""The version of the package, as it was installed."""

import importlib.metadata
from typing import Final

__version__: Final = importlib.metadata.version("statsd-trio")

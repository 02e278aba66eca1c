"""The version of the installed package."""

import importlib.metadata
from typing import Final

__version__: Final = importlib.metadata.version("statsd-trio")

"""Tools for tests of clients and servers; they need the extra ``testing``."""

from statsd_trio.testing import strategies

__all__ = ["strategies"]

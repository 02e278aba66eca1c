"""What tests of clients and servers can use; needs the extra ``testing``."""

from statsd_trio.testing import strategies

__all__ = ["strategies"]

"""Process packets: parse their lines and add the values to the open bucket."""

from statsd_trio.ingest.ingest import Ingest
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.ingest.watcher import Watcher

__all__ = ["Ingest", "Rejections", "Watcher"]

"""Packets in, values in the open bucket out."""

from statsd_trio.ingest.ingest import Ingest
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.ingest.watcher import Watcher

__all__ = ["Ingest", "Rejections", "Watcher"]

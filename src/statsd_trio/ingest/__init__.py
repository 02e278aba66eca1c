"""Packets in, values in the open bucket out."""

from statsd_trio.ingest.ingest import Ingest
from statsd_trio.ingest.rejections import Rejections

__all__ = ["Ingest", "Rejections"]

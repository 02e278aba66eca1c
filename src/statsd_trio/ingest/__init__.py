"""Packets in, accumulated values out."""

from statsd_trio.ingest.ingest import Ingest
from statsd_trio.ingest.refusals import Refusals

__all__ = ["Ingest", "Refusals"]

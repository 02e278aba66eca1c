"""Parse one line of DogStatsD into a message, and format a message as a line."""

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.format import format_message
from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
    ServiceStatus,
)
from statsd_trio.protocol.numbers import PLAIN_CHARACTERS, parse_numbers
from statsd_trio.protocol.parser import parse_message

__all__ = [
    "PLAIN_CHARACTERS",
    "ClientOrigin",
    "Event",
    "Message",
    "MetricType",
    "ParseError",
    "Reason",
    "Sample",
    "ServiceCheck",
    "ServiceStatus",
    "format_message",
    "parse_message",
    "parse_numbers",
]

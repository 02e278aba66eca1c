"""What one line means to a server, for the person who wrote the line.

Nothing here is a forecast: the line goes through the parser, the rules and the
aggregator that a server has, and what comes out is told.
"""

from statsd_trio.explain.explanation import (
    Explanation,
    Rejection,
    describe_explanation,
    explain_line,
)
from statsd_trio.explain.rendering import render_explanation

__all__ = [
    "Explanation",
    "Rejection",
    "describe_explanation",
    "explain_line",
    "render_explanation",
]

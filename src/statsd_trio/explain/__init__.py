"""Explain what one line means to a server, for the person who wrote it.

The explanation is not a guess: the line goes through the parser, the rules and the
aggregator of a server, and the result is described.
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

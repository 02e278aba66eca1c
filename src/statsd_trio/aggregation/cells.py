"""What the hot path adds to: a cell for each context of a bucket.

A gauge needs none: of its values only the last one stays.
"""

from array import array
from typing import Final

from statsd_trio.aggregation.context import Context

# Enough to make sketching cheap, little enough to be sketched at once in 0.1 ms; the
# insert buffer of the Agent's sketch is as long.
RUN_VALUES: Final = 512


class Total:
    """What the values of a counter add up to, each divided by its sample rate."""

    __slots__ = ("context", "value")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.value = 0.0


class Members:
    """The different strings of a set, as they were sent: UTF-8."""

    __slots__ = ("context", "strings")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.strings: set[bytes] = set()


class Run:
    """Values of one sample rate that wait to enter a histogram or a sketch.

    Attributes:
        values: from `RUN_VALUES` on it is full, and settled soon.
    """

    __slots__ = ("context", "sample_rate", "values")

    def __init__(self, context: Context, sample_rate: float) -> None:
        self.context = context
        self.sample_rate = sample_rate
        self.values = array("d")


Cell = Total | Members | Run | Context

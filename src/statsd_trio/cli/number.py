"""A type of flags for numbers of seconds, packets and the like."""

import math
from typing import Any

import click


class FiniteNumber(click.FloatRange):
    """A range of numbers without infinity and NaN, which no clock can wait for."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return *value* as a number.

        Raises:
            click.BadParameter: if it is not a finite number within the range.
        """
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number

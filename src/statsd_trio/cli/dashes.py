"""Commands with arguments that may begin with a dash."""

from typing import Any

import click


class DashedCommand(click.Command):
    """A command that says how to pass an argument which begins with a dash.

    Args:
        dash_hint: a sentence that is added to the error of an unknown flag; "" for
            none.
    """

    def __init__(self, *args: Any, dash_hint: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dash_hint = dash_hint

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse *args*, and add to the error of an unknown flag what to do."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not self._dash_hint or "--" in args:
                raise
            message = f"{error.format_message()} {self._dash_hint}"
            raise click.UsageError(message, ctx) from error

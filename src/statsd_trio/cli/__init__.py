"""The command line: one file per command, imported only when it is needed."""

import importlib
import os
import sys
from typing import Any, Final

import click

# The module of each command; in each module the command is named `command`.
_MODULES: Final = {
    "config": "config",
    "explain": "explain",
    "capture": "capture",
    "dev": "dev",
    "mock-intake": "mock_intake",
    "replay": "replay",
    "send": "send",
    "serve": "serve",
    "status": "status",
    "top": "top",
}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command runs or is listed."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        # Source: no-color.org: any value but an empty one turns colours off. Click
        # leaves colours out if the output is not a terminal, but does not read the
        # variable.
        if os.environ.get("NO_COLOR"):
            extra.setdefault("color", False)
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module_name = _MODULES.get(cmd_name)
        if module_name is None:
            return None
        module = importlib.import_module(f"{__name__}.{module_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            # Click only searches the commands that were added to it.
            raise click.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="statsd-trio")
def main() -> None:
    """A DogStatsD server for Python that loses nothing and can prove it."""
    # An object that stands in for standard output may not have this method.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # A character that the encoding lacks is written as an escape, instead of ending
        # a command.
        reconfigure(errors="backslashreplace")

"""The command line: one file a command, imported when it is asked for."""

import importlib
import sys
from typing import Final

import click

# Command -> module of this package; each module's command is named `command`.
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

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module_name = _MODULES.get(cmd_name)
        if module_name is None:
            return None
        module = importlib.import_module(f"{__name__}.{module_name}")
        command: click.Command = module.command
        return command


@click.group(cls=_LazyGroup)
@click.version_option(package_name="statsd-trio")
def main() -> None:
    """A DogStatsD server for Python that loses nothing and can prove it."""
    # What stands in for standard output may lack it.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # What its encoding lacks is written as an escape, instead of ending a command.
        reconfigure(errors="backslashreplace")

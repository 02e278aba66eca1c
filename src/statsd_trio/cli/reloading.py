"""Reload the configuration on SIGHUP: read all sources again, and apply the changes.

A configuration that cannot be used changes nothing, and each of its problems is logged.
"""

import logging
from collections.abc import Callable
from typing import Any

import attrs
import trio

from statsd_trio.cli.logs import set_level
from statsd_trio.cli.signals import RunningServer
from statsd_trio.config import Config, SourcedConfig
from statsd_trio.config.option import Option
from statsd_trio.config.options import OPTIONS
from statsd_trio.config.problems import show_value
from statsd_trio.config.show import to_json
from statsd_trio.errors import ConfigError

logger = logging.getLogger(__name__)


class Reloader:
    """Remembers the running configuration, to find out what a new one changes."""

    def __init__(self, running: Config, load: Callable[[], SourcedConfig]) -> None:
        """Begin with *running*, which *load* has returned before; *load* may block."""
        self._running = running
        self._load = load

    async def reload(self, server: RunningServer) -> None:
        """Load the configuration again, and let *server* apply what it can."""
        try:
            # In a thread, because parsing a long YAML file takes a second.
            loaded = await trio.to_thread.run_sync(self._load)
            server.reload(loaded.config)
        except ConfigError as error:
            problems = [
                *error.problems,
                "nothing is reloaded; correct it and try again",
            ]
            for problem in problems:
                logger.error("%s", problem)  # noqa: TRY400 - a traceback helps nobody
            return
        for warning in loaded.warnings:
            logger.warning("%s", warning)
        changed = find_changes(self._running, loaded.config)
        live: dict[str, Any] = {}
        for option in changed:
            value = getattr(loaded.config, option.name)
            shown = show_value(to_json(value))
            source = loaded.sources[option.name]
            if option.is_live:
                live[option.name] = value
                logger.info("reloaded: %s is now %s (%s)", option.name, shown, source)
            else:
                logger.warning(
                    "not reloaded: %s changed to %s (%s), which needs a restart",
                    option.name,
                    shown,
                    source,
                )
        if not changed:
            logger.info("reloaded: nothing changed")
        # Changes that need a restart are logged at each reload, until there is one.
        self._running = attrs.evolve(self._running, **live)
        # This comes last, so that the lines above are logged at the old level.
        set_level(self._running.log_level)


def find_changes(running: Config, loaded: Config) -> list[Option]:
    """Return the options in which *loaded* differs from what is running."""
    return [
        option
        for option in OPTIONS.values()
        if getattr(running, option.name) != getattr(loaded, option.name)
    ]

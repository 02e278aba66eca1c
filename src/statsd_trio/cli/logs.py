"""Write log records to standard error: as text for people, or JSON for machines.

A thread writes them, because otherwise a pipe that nobody reads would hold up the
server as soon as it is full.
"""

import datetime as dt
import json
import logging
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, TextIO

import click

from statsd_trio.cli.writer import BackgroundWriter
from statsd_trio.plural import describe_count
from statsd_trio.printable import escape

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "off": logging.CRITICAL + 1,
}

_COLOURS: Final = {
    logging.DEBUG: "bright_black",
    logging.WARNING: "yellow",
    logging.ERROR: "red",
    logging.CRITICAL: "red",
}

_OURS: Final = "statsd_trio"


class TextFormatter(logging.Formatter):
    """Formats a record as one line, unless it has an exception."""

    def __init__(self, *, has_colours: bool = False) -> None:
        """Colour the level if the output *has_colours*."""
        super().__init__()
        self._has_colours = has_colours

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level and message."""
        level = f"{record.levelname:<8}"
        colour = _COLOURS.get(record.levelno) if self._has_colours else None
        if colour is not None:
            level = click.style(level, fg=colour)
        line = f"{_format_time(record)} {level} {escape(record.getMessage())}"
        if record.exc_info:
            lines = self.formatException(record.exc_info).splitlines()
            line = "\n".join([line, *map(escape, lines)])
        return line


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object, always on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger, message and, if there is one, the error."""
        members = {
            "time": _format_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            members["error"] = self.formatException(record.exc_info)
        return json.dumps(members)


class _BackgroundHandler(logging.Handler):
    """Formats records at once, and has a thread write them."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.writer = BackgroundWriter(stream, describe_dropped=self._describe_dropped)

    def emit(self, record: logging.LogRecord) -> None:
        """Format *record* and queue it, or drop and count it."""
        try:
            self.writer.write_nowait(f"{self.format(record)}\n")
        # As in the handlers of the standard library, a log line must never end
        # anything.
        except Exception:  # noqa: BLE001  (see above)
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's
        """Write what is wrong with *record*, also without waiting."""
        self.writer.write_nowait(
            f"cannot format a log record of {record.name}:\n{traceback.format_exc()}"
        )

    def _describe_dropped(self, count: int) -> str:
        record = logging.LogRecord(
            __name__,
            logging.WARNING,
            __file__,
            0,
            "dropped %s of the log here: whoever reads it is too slow",
            (describe_count(count, "line"),),
            None,
        )
        return f"{self.format(record)}\n"


@contextmanager
def open_logging(
    level: str, log_format: str, stream: TextIO | None = None
) -> Generator[None]:
    """Send log records to *stream*, by default standard error, within the block.

    At the end of the block, unwritten records are waited for, but only for a short
    time.
    """
    output = stream or sys.stderr
    formatter = (
        JsonFormatter()
        if log_format == "json"
        else TextFormatter(has_colours=_has_colours(output))
    )
    handler = _BackgroundHandler(output, formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    set_level(level)
    try:
        yield
    finally:
        handler.writer.close()


def _has_colours(stream: TextIO | None) -> bool:
    """Return whether *stream* is a terminal whose user has not said no to colours.

    The console of Windows may show their codes as they are, so it gets none.
    """
    context = click.get_current_context(silent=True)
    is_refused = context is not None and context.color is False
    # There is none in a process that was started without.
    return (
        sys.platform != "win32"
        and stream is not None
        and stream.isatty()
        and not is_refused
    )


def set_level(level: str) -> None:
    """Set the lowest level of our own records, and of others' from WARNING on."""
    # Below WARNING, HTTP libraries log a line for each request and, at DEBUG, its
    # headers including the key.
    logging.getLogger().setLevel(max(logging.WARNING, _LEVELS[level]))
    logging.getLogger(_OURS).setLevel(_LEVELS[level])


def _format_time(record: logging.LogRecord) -> str:
    time = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Log records in, lines on standard error out: text for people, JSON for machines."""

import datetime as dt
import json
import logging
import sys
from typing import Final, TextIO

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "off": logging.CRITICAL + 1,
}

_OURS: Final = "statsd_trio"


class TextFormatter(logging.Formatter):
    """One line a record, unless it tells of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, message."""
        line = (
            f"{_format_time(record)} {record.levelname:<8}"
            f" {_make_printable(record.getMessage())}"
        )
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a record, always on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, message and, if there is one, the error."""
        members = {
            "time": _format_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            members["error"] = self.formatException(record.exc_info)
        return json.dumps(members)


def configure_logging(
    level: str, log_format: str, stream: TextIO | None = None
) -> None:
    """Send log records to *stream*, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    set_level(level)


def set_level(level: str) -> None:
    """Change the least level of our own records, and of others' from WARNING on."""
    # What HTTP libraries have to say below this is a line for each request, and at
    # DEBUG its headers, the key among them.
    logging.getLogger().setLevel(max(logging.WARNING, _LEVELS[level]))
    logging.getLogger(_OURS).setLevel(_LEVELS[level])


def _format_time(record: logging.LogRecord) -> str:
    time = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _make_printable(text: str) -> str:
    # A sender chooses part of some messages, and must steer no terminal.
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )

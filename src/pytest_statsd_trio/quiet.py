"""Keeps the log of the plugin's own server out of a test's captured log.

A test may check what its program logs, and a warning about a line of one test would
show up in another. Servers that a test starts itself log as ever.
"""

import contextlib
import logging
import threading
from collections.abc import Generator


@contextlib.contextmanager
def silence_thread(thread: threading.Thread) -> Generator[None]:
    """Drop what *thread* logs through the loggers of the server."""

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread.ident

    # A filter acts on one logger, not on those below it.
    loggers = [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.startswith("statsd_trio.")
    ]
    for logger in loggers:
        logger.addFilter(is_other)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_other)

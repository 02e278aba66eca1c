"""Count and log rejected and repaired lines, and failed hooks of the host program.

Everything is counted at once, and logged once per cause and interval.
"""

import logging
from collections.abc import Callable

import attrs

from statsd_trio.counters import LineCounters
from statsd_trio.errors import ParseError
from statsd_trio.plural import describe_count
from statsd_trio.transports.packet import Origin

logger = logging.getLogger(__name__)

_SHOWN_BYTES = 120


@attrs.define
class _Cause:
    count: int = 0
    example: str = ""


class Rejections:
    """Counts rejected and repaired lines, and hooks that raised.

    Each is logged at DEBUG, and summed up in one WARNING per cause and interval.
    """

    def __init__(
        self,
        lines: LineCounters,
        on_rejected: Callable[[ParseError, bytes, Origin], None] | None = None,
    ) -> None:
        self._lines = lines
        self._on_rejected = on_rejected
        self._causes: dict[str, _Cause] = {}
        self._repaired = _Cause()
        self._hooks: dict[str, _Cause] = {}

    def reject_line(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """Count a rejected line."""
        self._lines.rejected[error.reason] += 1
        cause = self._causes.setdefault(error.reason, _Cause())
        cause.count += 1
        if cause.count == 1:
            cause.example = f"{_show(line)} from {_name(origin)}: {error}"
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("rejected %s from %s: %s", _show(line), _name(origin), error)
        if self._on_rejected is not None:
            try:
                self._on_rejected(error, line, origin)
            except Exception as failure:  # noqa: BLE001 - the host program's own
                self.note_hook_failure("on_rejected", failure)

    def note_repair(self, line: bytes, origin: Origin) -> None:
        """Count a line in which bytes that are not UTF-8 were replaced."""
        whose = f"from {_name(origin)}"
        self._lines.repaired += 1
        self._repaired.count += 1
        if self._repaired.count == 1:
            self._repaired.example = f"{_show(line)} {whose}"
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("replaced bytes that are not UTF-8: %s %s", _show(line), whose)

    def note_hook_failure(self, hook: str, error: Exception) -> None:
        """Count that *hook* raised *error*, or returned something unusable."""
        self._lines.hook_failures[hook] += 1
        cause = self._hooks.setdefault(hook, _Cause())
        cause.count += 1
        if cause.count == 1:
            # The text of the error may come from a client, so it is shown escaped.
            cause.example = f"{type(error).__name__}: {str(error)[:_SHOWN_BYTES]!a}"
        logger.debug("the hook %s raised", hook, exc_info=error)

    def warn(self) -> None:
        """Log one WARNING for each reason that rejected lines since the last call.

        One more is logged if lines were repaired, and one for each hook that raised.
        """
        causes, self._causes = self._causes, {}
        for reason, cause in causes.items():
            logger.warning(
                "rejected %s (%s), the first: %s",
                describe_count(cause.count, "line"),
                reason,
                cause.example,
            )
        hooks, self._hooks = self._hooks, {}
        for hook, cause in hooks.items():
            logger.warning(
                "the hook %s raised %s, the first: %s; the log at DEBUG has all "
                "with their traceback",
                hook,
                describe_count(cause.count, "time"),
                cause.example,
            )
        repaired, self._repaired = self._repaired, _Cause()
        if repaired.count:
            logger.warning(
                "replaced bytes that are not UTF-8 in %s, the first: %s; encode "
                "tags and texts as UTF-8",
                describe_count(repaired.count, "line"),
                repaired.example,
            )


def _show(line: bytes) -> str:
    shown = repr(line[:_SHOWN_BYTES])[1:]
    return shown if len(line) <= _SHOWN_BYTES else f"{shown}..."


def _name(origin: Origin) -> str:
    return f"{origin.sender} on {origin.listener}" if origin.sender else origin.listener

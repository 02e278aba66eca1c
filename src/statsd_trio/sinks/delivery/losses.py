"""Count what was lost, and log one line per cause and interval."""

import logging
from collections import Counter

from statsd_trio.plural import describe_count

logger = logging.getLogger(__name__)


class LossReport:
    """Collects the losses of one endpoint and key until they are logged."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._points = Counter[str]()
        self._payloads = Counter[str]()
        self._details: dict[str, str] = {}
        self._troubles: dict[str, None] = {}

    def add(
        self, cause: str, points: int, payloads: int = 1, *, detail: str = ""
    ) -> None:
        """Add lost points, which were in payloads or single items.

        Args:
            cause: one of few causes; all losses with the same cause share a line.
            points: how many points were lost.
            payloads: how many payloads they were in; 0 if that is not known.
            detail: a description of the latest loss, such as the start of an answer.
        """
        self._points[cause] += points
        self._payloads[cause] += payloads
        self._details[cause] = detail

    def complain(self, trouble: str) -> None:
        """Note *trouble* that has not caused a loss yet; it is logged once."""
        self._troubles[trouble] = None

    def log(self) -> None:
        """Log one WARNING for each cause and trouble, and start again."""
        for cause, points in self._points.items():
            payloads, detail = self._payloads[cause], self._details[cause]
            logger.warning(
                "%s: lost %s%s: %s%s",
                self._name,
                describe_count(points, "point"),
                f" in {describe_count(payloads, 'payload')}" if payloads else "",
                cause,
                f": {detail}" if detail else "",
            )
        for trouble in self._troubles:
            logger.warning("%s: %s", self._name, trouble)
        self._points.clear()
        self._payloads.clear()
        self._details.clear()
        self._troubles.clear()

"""What was lost, counted, and said in one line per cause and interval."""

import logging
from collections import Counter

logger = logging.getLogger(__name__)


class LossReport:
    """Gathers losses of one endpoint until they are told."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._points: Counter[str] = Counter()
        self._payloads: Counter[str] = Counter()

    def add(self, cause: str, points: int, payloads: int = 1) -> None:
        """Count so many points in so many payloads, or items."""
        self._points[cause] += points
        self._payloads[cause] += payloads

    def tell(self) -> None:
        """Log one WARNING a cause, and begin anew."""
        for cause, points in self._points.items():
            logger.warning(
                "%s: lost %d points in %d payloads: %s",
                self._name,
                points,
                self._payloads[cause],
                cause,
            )
        self._points.clear()
        self._payloads.clear()

"""Put an operator's prefix in front of metric names."""

from collections.abc import Iterable


class Namespace:
    """Prepends one prefix to every name, except to names with an excluded start.

    The exclusions are plain starts of names: ``jvm`` excludes ``jvmlike`` too.

    Source: datadog-agent, comp/dogstatsd/server/impl/enrich.go.
    """

    def __init__(self, prefix: str, exclude: Iterable[str] = ()) -> None:
        self._prefix = prefix if not prefix or prefix.endswith(".") else f"{prefix}."
        # An empty exclusion would exclude everything.
        self._exclude = tuple(entry for entry in exclude if entry)

    def prepend(self, name: str) -> str:
        """Return *name* with the prefix, or *name* itself if it is excluded."""
        if not self._prefix or name.startswith(self._exclude):
            return name
        return self._prefix + name

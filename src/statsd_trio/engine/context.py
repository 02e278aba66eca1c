"""A context: one name, type, host and set of tags, for which a series is made."""

from typing import Final

import attrs

from statsd_trio.protocol.messages import MetricType

COUNTER: Final = 0
GAUGE: Final = 1
SET: Final = 2
HISTOGRAM: Final = 3
TIMER: Final = 4
DISTRIBUTION: Final = 5

TYPES: Final = (
    MetricType.COUNTER,
    MetricType.GAUGE,
    MetricType.SET,
    MetricType.HISTOGRAM,
    MetricType.TIMER,
    MetricType.DISTRIBUTION,
)
KINDS: Final = {metric_type: kind for kind, metric_type in enumerate(TYPES)}

# (name, kind, host, sorted tags)
Key = tuple[str, int, str, tuple[str, ...]]

NEVER: Final = float("-inf")


@attrs.frozen
class Details:
    """What only few contexts have.

    Attributes:
        tags: the tags without those that became *device* and *resources*.
        jmx_check_name: of the client that sent its first sample; None if that was not a
            JMX check.
    """

    tags: tuple[str, ...]
    device: str = ""
    resources: tuple[tuple[str, str], ...] = ()
    jmx_check_name: str | None = None


class Context:
    """One name, type, host and set of tags.

    A context is compared by identity, which makes it a fast key. The `ContextTable`
    makes sure that there is only one object for each name, type, host and set of tags.

    Attributes:
        key: (name, kind, host, sorted tags).
        kind: an index into `TYPES`. It is the kind in the key, with one exception: the
            context in which a histogram keeps its values is a distribution, though its
            key is the histogram's.
        handle: the number by which the engine knows it; -1 at first.
        copy: the distribution that a histogram is copied to, or keeps its values in.
        copied_from: how many contexts are copied to this one.
        conflict: the context of another type whose series would be the same.
        details: None for most contexts.
        last_seen: unix time of the last good line. The lines of the open bucket are
            included only once that bucket is walked.
        last_counted: unix time of the last sample that a counter added up, with the
            same delay.
        last_sent: the number of the last snapshot that has a point of it.
        opened: the start of the bucket that was open when it was added to the table.
    """

    __slots__ = (
        "conflict",
        "copied_from",
        "copy",
        "details",
        "handle",
        "key",
        "kind",
        "last_counted",
        "last_seen",
        "last_sent",
        "opened",
    )

    def __init__(self, key: Key) -> None:
        self.key = key
        self.kind = key[1]
        self.handle = -1
        self.copy: Context | None = None
        self.copied_from = 0
        self.conflict: Context | None = None
        self.details: Details | None = None
        self.last_seen = NEVER
        self.last_counted = NEVER
        self.last_sent = 0
        self.opened = 0

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.key[0]

    @property
    def own_values(self) -> "Context | None":
        """The distribution in which a histogram keeps its values.

        It is not in the table.
        """
        copy = self.copy
        return copy if copy is not None and copy.key is self.key else None

    @property
    def host(self) -> str:
        """The host's name; "" for no host."""
        return self.key[2]

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""
        return self.key[3]

"""Group the series of a snapshot by metric and resource.

A sum is monotonic as long as no interval of its name was negative. After that it is not
monotonic until nothing with that name is kept any more. It is cumulative then, whatever
the temporality, as the specification demands of up-down counters.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from statsd_trio.aggregation.snapshot import Series, SeriesType, Sketch, Snapshot
from statsd_trio.sinks.otlp.attributes import Resource, find_resource
from statsd_trio.sinks.otlp.settings import OtlpSettings

# The most names with a negative interval that are remembered; beyond it the oldest is
# forgotten.
_MAX_FALLING_NAMES: Final = 10_000

# How many series are grouped before other tasks may run; this takes about 0.2 ms.
_STEP: Final = 64

# The unit of a series or a sketch, in UCUM's notation.
_UNITS: Final = {"millisecond": "ms"}


class MetricKey(NamedTuple):
    """What the points of one metric share.

    Attributes:
        kind: ``gauge``, ``sum`` or ``histogram``.
        is_monotonic: whether a sum is monotonic.
        is_delta: whether a sum or histogram counts one interval only.
    """

    name: str
    unit: str
    kind: str
    is_monotonic: bool = False
    is_delta: bool = False


Source = Series | Sketch
Groups = dict[Resource, dict[MetricKey, list[Source]]]


class MetricGrouper:
    """Groups one snapshot after the other, and remembers negative intervals."""

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        # When the last negative interval of each name was, in nanoseconds; the oldest
        # first.
        self._falling: dict[str, int] = {}

    def group(
        self, snapshot: Snapshot, groups: Groups, now: int, before: int
    ) -> Iterator[None]:
        """Fill *groups* with what must be sent of *snapshot*.

        Args:
            snapshot: the snapshot to group.
            groups: the groups to fill.
            now: the time of the snapshot, in nanoseconds.
            before: names without any series since this time are forgotten, in
                nanoseconds.
        """
        yield from self._find_falling(snapshot, now, before)
        yield from self._sort(snapshot, groups)

    def _find_falling(
        self, snapshot: Snapshot, now: int, before: int
    ) -> Iterator[None]:
        """Find the names whose sums may fall."""
        falling = self._falling
        for name in [name for name, last in falling.items() if last < before]:
            del falling[name]
        for number, series in enumerate(snapshot.series):
            if _is_counter(series) and (
                # If it may fall once, this stays so as long as it has any values.
                series.name in falling
                or any(point.value < 0 for point in series.points)
            ):
                falling.pop(series.name, None)
                falling[series.name] = now
                if len(falling) > _MAX_FALLING_NAMES:
                    del falling[next(iter(falling))]
            if number % 256 == 0:
                yield

    def _sort(self, snapshot: Snapshot, groups: Groups) -> Iterator[None]:
        """Group what must be sent by resource and metric."""
        sends_aggregates = self._settings.sends_aggregates
        sources = chain[Source](snapshot.series, snapshot.sketches, snapshot.histograms)
        for number, source in enumerate(sources):
            if number % _STEP == 0:
                yield
            if (
                isinstance(source, Series)
                and source.is_aggregate
                and not sends_aggregates
            ):
                continue
            resource = find_resource(source.tags, source.host)
            metrics = groups.setdefault(resource, {})
            metrics.setdefault(self._name(source), []).append(source)

    def _name(self, source: Source) -> MetricKey:
        unit = _UNITS.get(source.unit, "")
        is_delta = self._settings.is_delta
        if isinstance(source, Sketch):
            return MetricKey(source.name, unit, "histogram", is_delta=is_delta)
        if not _is_counter(source):
            return MetricKey(source.name, unit, "gauge")
        is_monotonic = source.name not in self._falling
        return MetricKey(
            source.name, unit, "sum", is_monotonic, is_delta and is_monotonic
        )


def _is_counter(series: Series) -> bool:
    return series.type is not SeriesType.GAUGE

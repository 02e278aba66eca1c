"""The server's own metrics: the ledger's changes since the last flush, as series."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from statsd_trio.aggregation.snapshot import Point, Series, SeriesType
from statsd_trio.ledger import Ledger

_PREFIX: Final = "statsd_trio."

# What may become of a point in the end.
_FINAL_STATES: Final = (
    "delivered",
    "refused",
    "evicted",
    "oversize",
    "abandoned",
    "spool_gone",
)

_Key = tuple[str, tuple[str, ...]]


class Telemetry:
    """Turns the ledger into ``statsd_trio.*`` series, one point an interval."""

    def __init__(
        self,
        read_ledger: Callable[[], Ledger],
        *,
        interval_seconds: int,
        host: str,
        tags: tuple[str, ...],
        started: float = 0.0,
    ) -> None:
        """Describe what changes from now on.

        Args:
            read_ledger: called for each interval.
            interval_seconds: the width of a bucket.
            host: of every series.
            tags: of every series.
            started: unix time; no point is stamped earlier, since a server that
                stopped before may have sent the interval that holds it.
        """
        self._read_ledger = read_ledger
        self._interval_seconds = interval_seconds
        self._host = host
        self._tags = tags
        self._sent: dict[_Key, int] = {}
        self._last_timestamp = 0
        self._started = int(started // 1)

    def replace_tags(self, tags: tuple[str, ...]) -> None:
        """Put *tags* on every series from now on."""
        self._tags = tags

    def describe(self, time: int) -> tuple[Series, ...]:
        """Build the series of the interval that ended at *time*, or holds it.

        The point is stamped with the start of that interval; where the wall clock
        went back and the stamp was used before, nothing is built and the next call
        tells the whole change.
        """
        interval = self._interval_seconds
        # On an edge it is the bucket that closed there.
        timestamp = max((time - 1) // interval * interval, self._started)
        if timestamp <= self._last_timestamp:
            return ()
        self._last_timestamp = timestamp
        ledger = self._read_ledger()
        series = [
            self._build(name, SeriesType.GAUGE, timestamp, float(value), ())
            for name, value in (
                ("contexts", ledger.contexts.current),
                ("queue.peak", ledger.queue.peak),
            )
        ]
        for (name, tags), total in _count(ledger):
            # What never happened is not told, but for the loss that people watch.
            if not total and name != "kernel_dropped":
                continue
            change = total - self._sent.get((name, tags), 0)
            self._sent[name, tags] = total
            series.append(
                self._build(name, SeriesType.RATE, timestamp, change / interval, tags)
            )
        return tuple(series)

    def _build(
        self,
        name: str,
        series_type: SeriesType,
        timestamp: int,
        value: float,
        tags: tuple[str, ...],
    ) -> Series:
        return Series(
            name=_PREFIX + name,
            type=series_type,
            points=(Point(timestamp, value),),
            tags=tuple(sorted({*self._tags, *tags})),
            host=self._host,
            interval_seconds=self._interval_seconds,
        )


def _count(ledger: Ledger) -> Iterator[tuple[_Key, int]]:
    for listener in ledger.listeners:
        tags = (f"listener:{listener.name}",)
        yield ("packets", tags), listener.packets
        yield ("bytes", tags), listener.bytes
        if listener.kernel_dropped is not None:
            yield ("kernel_dropped", tags), listener.kernel_dropped
    yield ("lines", ()), ledger.lines.read
    yield ("lines.repaired", ()), ledger.lines.repaired
    yield from _count_reasons("lines.rejected", ledger.lines.rejected)
    yield from _count_reasons("samples.dropped", ledger.samples.dropped)
    for sink in ledger.sinks:
        states = attrs.asdict(sink)
        states["refused"] = sum(sink.refused.values())
        for state in _FINAL_STATES:
            yield ("points", (f"state:{state}", f"sink:{sink.name}")), states[state]


def _count_reasons(name: str, reasons: Mapping[str, int]) -> Iterator[tuple[_Key, int]]:
    for reason, total in reasons.items():
        yield (name, (f"reason:{reason}",)), total

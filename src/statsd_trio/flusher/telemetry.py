"""Report the server's own metrics: what changed in the ledger since the last flush."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from statsd_trio.aggregation.snapshot import Point, Series, SeriesType
from statsd_trio.ledger import Ledger

_PREFIX: Final = "statsd_trio."

# The final outcomes of a point.
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
    """Turns the ledger into ``statsd_trio.*`` series with one point per interval."""

    def __init__(
        self,
        read_ledger: Callable[[], Ledger],
        *,
        interval_seconds: int,
        host: str,
        tags: tuple[str, ...],
        started: float = 0.0,
    ) -> None:
        """Report what changes from now on.

        Args:
            read_ledger: called for each interval.
            interval_seconds: the width of a bucket.
            host: the host of every series.
            tags: the tags of every series.
            started: unix time. No point gets an earlier timestamp, because a server
                that stopped before may have sent that interval.
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
        """Return the series for the interval that ended at *time*, or that contains it.

        The point's timestamp is the start of that interval. If the wall clock was set
        back and this timestamp was used before, nothing is returned, and the next call
        reports the whole change.
        """
        interval = self._interval_seconds
        # At an edge, it is the bucket that has just closed.
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
            # Counts that were always 0 are left out, except for the loss that people
            # watch.
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

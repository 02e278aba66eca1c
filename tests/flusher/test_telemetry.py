import attrs

from statsd_trio.aggregation.snapshot import Series
from statsd_trio.counters import (
    ContextCounters,
    LineCounters,
    ListenerCounters,
    SampleCounters,
    SinkCounters,
)
from statsd_trio.flusher.telemetry import Telemetry
from statsd_trio.ledger import Ledger, QueueLedger


@attrs.define
class Counts:
    """The counters of a server that nobody runs."""

    listener: ListenerCounters = attrs.field(
        factory=lambda: ListenerCounters("udp://127.0.0.1:8125", kernel_dropped=0)
    )
    lines: LineCounters = attrs.field(factory=LineCounters)
    samples: SampleCounters = attrs.field(factory=SampleCounters)
    sink: SinkCounters = attrs.field(factory=lambda: SinkCounters("datadog"))

    def freeze(self) -> Ledger:
        return Ledger(
            listeners=(self.listener.freeze(),),
            queue=QueueLedger(capacity=8, used=0, peak=3),
            lines=self.lines.freeze(),
            samples=self.samples.freeze(),
            contexts=ContextCounters(current=2).freeze(),
            sinks=(self.sink.freeze(),),
        )


def open_telemetry(counts: Counts) -> Telemetry:
    return Telemetry(
        counts.freeze, interval_seconds=10, host="here", tags=("env:test",)
    )


def find(series: tuple[Series, ...], name: str, *tags: str) -> Series:
    (found,) = [
        entry
        for entry in series
        if entry.name == f"statsd_trio.{name}" and {*tags} <= {*entry.tags}
    ]
    return found


def test_counts_are_told_as_rates_of_the_interval() -> None:
    counts = Counts()
    telemetry = open_telemetry(counts)
    counts.lines.read = 50
    telemetry.describe(1000)
    counts.lines.read = 80
    (point,) = find(telemetry.describe(1010), "lines").points
    assert point == (1000, 3.0)


def test_every_name_of_the_contract_is_there() -> None:
    counts = Counts()
    counts.listener.packets = counts.listener.bytes = counts.lines.read = 1
    counts.sink.delivered = 1
    counts.lines.rejected["bad_value"] = 1
    counts.samples.dropped["max_contexts"] = 1
    series = open_telemetry(counts).describe(1000)
    assert {entry.name.removeprefix("statsd_trio.") for entry in series} == {
        "packets",
        "bytes",
        "kernel_dropped",
        "lines",
        "lines.rejected",
        "samples.dropped",
        "contexts",
        "queue.peak",
        "points",
    }
    assert find(series, "lines.rejected").tags == ("env:test", "reason:bad_value")
    assert find(series, "points", "state:delivered", "sink:datadog").host == "here"


def test_no_timestamp_is_used_twice() -> None:
    counts = Counts()
    telemetry = open_telemetry(counts)
    assert telemetry.describe(1010)
    assert telemetry.describe(1009) == ()
    assert telemetry.describe(1005) == ()


def test_change_while_the_clock_was_back_is_told_later() -> None:
    counts = Counts()
    telemetry = open_telemetry(counts)
    telemetry.describe(1010)
    counts.lines.read = 20
    telemetry.describe(950)
    counts.lines.read = 30
    (point,) = find(telemetry.describe(1020), "lines").points
    assert point.value == 3.0


def test_last_flush_tells_of_the_open_bucket() -> None:
    telemetry = open_telemetry(Counts())
    telemetry.describe(1010)
    (point,) = find(telemetry.describe(1014), "contexts").points
    assert point.timestamp == 1010


def test_what_never_happened_is_not_told_but_for_kernel_drops() -> None:
    series = open_telemetry(Counts()).describe(1000)
    assert sorted(entry.name for entry in series) == [
        "statsd_trio.contexts",
        "statsd_trio.kernel_dropped",
        "statsd_trio.queue.peak",
    ]

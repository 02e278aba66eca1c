from collections.abc import Callable

import pytest

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
)
from statsd_trio.ledger import SinkLedger
from statsd_trio.protocol.messages import Event, ServiceCheck, ServiceStatus

EPOCH = 1_700_000_000


@pytest.fixture
def make_series() -> Callable[..., Series]:
    def make(name: str = "page.views", points: int = 1, **fields: object) -> Series:
        return Series(
            **{
                "name": name,
                "type": SeriesType.RATE,
                "points": tuple(Point(EPOCH + n, n / 2) for n in range(points)),
                "host": "web-1",
                "tags": ("env:test",),
            }
            | fields
        )

    return make


@pytest.fixture
def make_sketch() -> Callable[..., Sketch]:
    def make(name: str = "latency", points: int = 1, bins: int = 2) -> Sketch:
        point = SketchPoint(
            timestamp=EPOCH,
            count=bins,
            min=-1.5,
            max=2.5,
            sum=3.0,
            average=0.5,
            keys=tuple(range(-1, bins - 1)),
            counts=(1,) * bins,
        )
        return Sketch(name, (point,) * points, tags=("env:test",), host="web-1")

    return make


@pytest.fixture
def make_snapshot(
    make_series: Callable[..., Series],
) -> Callable[..., Snapshot]:
    """A snapshot of some series of one point each."""

    def make(number: int = 0, series: int = 1, **fields: object) -> Snapshot:
        time = EPOCH + 10 * number
        return Snapshot(
            **{
                "time": time,
                "interval_seconds": 10,
                "series": tuple(
                    make_series(f"s{number}.m{index}", points=1)
                    for index in range(series)
                ),
            }
            | fields
        )

    return make


@pytest.fixture
def event() -> Event:
    return Event("Deployed", "to production", timestamp=EPOCH, host="web-1")


@pytest.fixture
def service_check() -> ServiceCheck:
    return ServiceCheck("db.up", ServiceStatus.CRITICAL, timestamp=EPOCH, host="web-1")


@pytest.fixture
def check_identity() -> Callable[..., None]:
    """Check that every point of these destinations is in exactly one count."""

    def check(*ledgers: SinkLedger) -> None:
        assert ledgers
        for ledger in ledgers:
            assert ledger.snapshotted == (
                ledger.delivered
                + ledger.pending
                + ledger.spooled
                + sum(ledger.refused.values())
                + ledger.evicted
                + ledger.oversize
                + ledger.abandoned
                + ledger.spool_gone
            ), ledger
            assert ledger.pending >= 0, ledger
            assert ledger.spooled >= 0, ledger

    return check

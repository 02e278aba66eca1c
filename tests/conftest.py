import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import trio
from hypothesis import HealthCheck, settings

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.engine.choose import choose_engine
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.engine.native import find_native
from statsd_trio.ledger import Ledger
from statsd_trio.sinks.memory import MemorySink

# On a busy machine anything may take long, the making of examples included.
settings.register_profile(
    "patient",
    settings.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")

EPOCH = 1_700_000_000  # an edge of ten seconds


@pytest.fixture
def wall_clock() -> Callable[[], float]:
    """Unix time that follows Trio's clock, virtual or not."""
    started: list[float] = []

    def read() -> float:
        if not started:
            started.append(trio.current_time())
        return EPOCH + trio.current_time() - started[0]

    return read


@pytest.fixture
def memory() -> MemorySink:
    return MemorySink()


@pytest.fixture
def send() -> Callable[..., None]:
    """Send datagrams to an address, at once and from one socket."""

    def send_now(address: tuple[str, int], *packets: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for packet in packets:
                client.sendto(packet, address)

    return send_now


@pytest.fixture
def add_up() -> Callable[[list[Snapshot], str], float]:
    """Add up what a counter was sent as, over snapshots."""

    def total(snapshots: list[Snapshot], name: str) -> float:
        return sum(
            point.value * series.interval_seconds
            for snapshot in snapshots
            for series in snapshot.series
            if series.name == name
            for point in series.points
        )

    return total


@pytest.fixture
def check_ledger() -> Callable[[Ledger], None]:
    """Check every identity that one ledger can show."""

    def check(ledger: Ledger) -> None:
        lines, samples = ledger.lines, ledger.samples
        assert lines.read == (
            lines.metrics
            + lines.events
            + lines.service_checks
            + sum(lines.rejected.values())
            + lines.filtered
        )
        assert samples.parsed == samples.aggregated + sum(samples.dropped.values())
        for sink in ledger.sinks:
            assert sink.snapshotted == (
                sink.delivered
                + sink.pending
                + sink.spooled
                + sum(sink.refused.values())
                + sink.evicted
                + sink.oversize
                + sink.abandoned
                + sink.spool_gone
            )

    return check


@pytest.fixture
def limit_files() -> Callable[[int], AbstractContextManager[None]]:
    """Let no file grow beyond so many bytes, as on a full disk, within a block."""

    @contextmanager
    def limit(size: int) -> Iterator[None]:
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture(scope="session", params=["plain", "native"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Run a test with each engine; the native one only where it is installed."""
    name: str = request.param
    if name == "native" and find_native() is None:
        pytest.skip("the native engine is not installed")
    return name


@pytest.fixture(scope="session")
def make_engine(engine_name: str) -> MakeEngine:
    """The engine that the test runs with."""
    return choose_engine(engine_name).make

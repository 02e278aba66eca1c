from collections.abc import Callable
from typing import Any

from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import Snapshot

MakeSnapshot = Callable[..., Snapshot]


async def test_points_arrive_and_are_counted(
    intake: Any,
    open_destination: Any,
    running: Any,
    make_snapshot: MakeSnapshot,
    autojump_clock: MockClock,
    check_identity: Callable[..., None],
) -> None:
    destination = open_destination()
    async with running(destination):
        destination.put_nowait(make_snapshot(series=3))
        assert destination.ledgers()[0].pending == 3
        check_identity(*destination.ledgers())
        await destination.settle()
    assert intake.count_held() == {"s0.m0": 1, "s0.m1": 1, "s0.m2": 1}
    (ledger,) = destination.ledgers()
    assert (ledger.snapshotted, ledger.delivered, ledger.pending) == (3, 3, 0)
    check_identity(ledger)


async def test_requests_carry_the_headers_of_an_agent(
    intake: Any,
    open_destination: Any,
    running: Any,
    make_snapshot: MakeSnapshot,
    autojump_clock: MockClock,
) -> None:
    destination = open_destination()
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.settle()
    (attempt,) = intake.attempts
    assert str(attempt.url) == "https://api.example.com/api/v2/series"
    assert attempt.headers["DD-API-KEY"] == "secret-key"
    assert attempt.headers["Content-Type"] == "application/x-protobuf"
    assert attempt.headers["Content-Encoding"] == "zstd"
    assert attempt.headers["User-Agent"].startswith("statsd-trio/")
    assert attempt.headers["Host"] == "api.example.com"
    assert attempt.headers["Content-Length"] == str(len(attempt.body))

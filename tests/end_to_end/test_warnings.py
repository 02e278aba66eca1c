"""What many bad or odd lines leave in the log: one line a cause and interval."""

import logging
from collections.abc import Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from statsd_trio import Config, Ledger, Server, serve
from statsd_trio.sinks.memory import MemorySink

CLASHES = 15_000
INTERVALS = 3


async def test_many_type_clashes_are_warned_of_once_an_interval(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: Callable[[], float],
    check_ledger: Callable[[Ledger], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = Config(host="127.0.0.1", port=0, self_metrics=False, queue_size=8192)
    server: Server = await nursery.start(
        partial(serve, config, sinks=[memory], wall_clock=wall_clock)
    )
    await trio.sleep(5)  # the middle of an interval
    long = b"a" * 7000
    each = CLASHES // INTERVALS
    for interval in range(INTERVALS):
        names = [b"%d.%d" % (interval, number) for number in range(each - 1)]
        names.insert(0, b"%b.%d" % (long, interval))
        for start in range(0, each, 50):
            packet = b"".join(
                [
                    b"%b:1|g\n%b:1|c\n" % (name, name)
                    for name in names[start : start + 50]
                ]
            )
            while packet:
                cut = packet[:8000].rfind(b"\n") + 1 or len(packet)
                assert server.submit(packet[:cut])
                packet = packet[cut:]
        await trio.sleep(10)
    ledger = server.ledger()
    check_ledger(ledger)
    assert ledger.contexts.type_clashes == each * INTERVALS
    assert ledger.samples.aggregated == 2 * each * INTERVALS
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == INTERVALS
    for warning in warnings:
        assert warning.startswith(f"metrics arrived {each} times with another type")
        assert "both as gauge and as counter" in warning
        assert len(warning) < 1000

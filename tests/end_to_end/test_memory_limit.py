"""Attacks on the memory of a server: bounded, counted, and over with the attack.

Each engine has to hold.
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from statsd_trio import Config, Ledger, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.memory import MemorySink

MIB = 1024 * 1024
LIMIT = 8 * MIB
LONG = b"x" * 7000


def send_long_names() -> Iterator[bytes]:
    for number in range(4000):
        yield b"attack.%d.%b:1|c" % (number, LONG)


def send_long_tags() -> Iterator[bytes]:
    for number in range(4000):
        yield b"attack:1|c|#%b,user:%d" % (LONG, number)


def send_many_tags() -> Iterator[bytes]:
    for number in range(500):
        tags = b",".join([b"%x" % tag for tag in range(1500)])
        yield b"attack:1|c|#%b,user:%d" % (tags, number)


def send_heads_of_one_series() -> Iterator[bytes]:
    for number in range(2000):
        line = b"attack:1|c|#%b" % (b"a," * (number % 1000) + b"b," * 1500)
        # The second time it would be kept.
        yield line
        yield line


def send_set_members() -> Iterator[bytes]:
    for number in range(150_000 // 50):
        yield b"\n".join(
            [b"attack:%040d|s" % each for each in range(50 * number, 50 * number + 50)]
        )


def send_wide_values() -> Iterator[bytes]:
    for number in range(300):
        values = [b"%.4e" % 1.02**exponent for exponent in range(-700, 600)]
        for start in range(0, len(values), 650):
            packed = b":".join(values[start : start + 650])
            yield b"attack.%d:%b|d" % (number, packed)


ATTACKS = [
    (send_long_names, {"context_memory"}),
    (send_long_tags, {"context_memory"}),
    (send_many_tags, {"context_memory"}),
    (send_heads_of_one_series, set()),
    (send_set_members, {"set_memory"}),
    (send_wide_values, {"value_memory"}),
]


@pytest.mark.parametrize(("attack", "reasons"), ATTACKS)
async def test_an_attack_on_the_memory_is_bounded_and_costs_no_other(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: Callable[[], float],
    add_up: Callable[[list[Snapshot], str], float],
    check_ledger: Callable[[Ledger], None],
    caplog: pytest.LogCaptureFixture,
    engine_name: str,
    attack: Callable[[], Iterator[bytes]],
    reasons: set[str],
) -> None:
    config = Config(
        host="127.0.0.1",
        port=0,
        engine=engine_name,
        self_metrics=False,
        counter_expiry_seconds=10,
        max_memory_bytes=LIMIT,
        histogram_percentiles=(),
    )
    server: Server = await nursery.start(
        partial(serve, config, sinks=[memory], wall_clock=wall_clock)
    )
    peak = 0
    packets = iter(attack())
    sent = attacked = 0
    is_over = False
    while not is_over:
        # The innocent, in between: known to the server before the attack begins.
        assert server.submit(b"hits:1|c\nload:7|g\ntimes:3|ms")
        sent += 1
        for _ in range(200 if sent > 3 else 0):
            packet = next(packets, None)
            if packet is None:
                is_over = True
                break
            assert server.submit(packet)
            attacked += (
                packet.count(b":") if b"|d" in packet else packet.count(b"\n") + 1
            )
        await trio.sleep(0.9)
        peak = max(peak, server.ledger().memory.used_bytes)
    await trio.sleep(15)
    ledger = server.ledger()
    check_ledger(ledger)
    assert set(ledger.samples.dropped) == reasons
    # What came since the shares were last said anew may be too much.
    assert ledger.memory.limit_bytes == LIMIT
    assert peak <= ledger.memory.peak_bytes <= LIMIT + MIB
    # Nobody else lost anything.
    assert add_up(memory.snapshots, "hits") == pytest.approx(sent)
    assert add_up(memory.snapshots, "times.count") == pytest.approx(sent)
    assert ledger.samples.parsed == 3 * sent + attacked
    dropped = sum(ledger.samples.dropped.values())
    assert ledger.samples.aggregated == ledger.samples.parsed - dropped
    warnings = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING
    ]
    assert bool(warnings) == bool(reasons)
    for warning in warnings:
        assert f"max_memory_bytes = {LIMIT} is used up" in warning
        assert "attack" in warning
        assert len(warning) < 4000

    # It is over, and so is what it cost.
    await trio.sleep(400)
    server.submit(b"attack:5|s\nattack:5|d\nafter.%b:1|c" % LONG[:5000])
    await trio.sleep(1)
    after = server.ledger()
    assert after.samples.dropped == ledger.samples.dropped
    assert after.memory.used_bytes < LIMIT // 16

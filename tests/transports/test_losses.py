"""What is lost before there is a line is said: who, how often, and what to do."""

import logging

import pytest

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.losses import Loss, Losses
from statsd_trio.transports.packet import Origin


@pytest.fixture
def losses(caplog: pytest.LogCaptureFixture) -> Losses:
    caplog.set_level(logging.WARNING)
    return Losses(ListenerCounters("tcp://127.0.0.1:8125"))


def test_each_cause_is_told_once_with_its_count_and_its_first_sender(
    losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(10):
        origin = Origin("tcp", "tcp://127.0.0.1:8125", f"127.0.0.1:{40_000 + number}")
        losses.count(Loss.HALF_FRAME, f"half {number}", origin=origin, size=9)
    losses.count(Loss.FRAME_TOO_LONG, "a frame of 9001 bytes")
    losses.warn()
    losses.warn()
    half_frame, too_long = caplog.messages
    assert half_frame == (
        "tcp://127.0.0.1:8125: half_frame, 10 times: a stream ended in the middle of "
        "a frame or a line, which is lost. The first: 127.0.0.1:40000: half 0. Clients "
        "must send whole frames, and end every line with a newline"
    )
    assert too_long == (
        "tcp://127.0.0.1:8125: frame_too_long, once: a connection was closed because "
        "a frame or a line is longer than buffer_size. The first: a frame of 9001 "
        "bytes. Have clients send smaller packets, or raise buffer_size"
    )
    assert losses.counters.refused == {"half_frame": 10, "frame_too_long": 1}
    assert losses.counters.dropped_bytes == 90


def test_each_interval_has_a_first_of_its_own(
    losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    losses.count(Loss.HALF_FRAME, "a")
    losses.warn()
    losses.count(Loss.HALF_FRAME, "b")
    losses.warn()
    first, second = caplog.messages
    assert "once" in second
    assert "The first: a." in first
    assert "The first: b." in second


def test_what_the_kernel_dropped_is_told_as_it_grows(
    losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    losses.counters.granted_buffer_bytes = 425_984
    for dropped in (0, 7, 7, 10):
        losses.counters.kernel_dropped = dropped
        losses.warn()
    first, second = caplog.messages
    assert "the kernel dropped 7 packets" in first
    assert "425984 bytes" in first
    assert "net.core.rmem_max" in first
    assert "the kernel dropped 3 packets" in second


def test_bytes_alone_are_counted_and_not_told(
    losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    losses.count(Loss.STOP, number=0, size=100)
    losses.warn()
    assert not caplog.messages
    assert losses.counters.dropped_bytes == 100
    assert not losses.counters.refused


@pytest.mark.parametrize("loss", Loss)
def test_every_cause_says_what_to_do(
    losses: Losses, caplog: pytest.LogCaptureFixture, loss: Loss
) -> None:
    losses.count(loss)
    losses.warn()
    (message,) = caplog.messages
    assert message.startswith(f"tcp://127.0.0.1:8125: {loss}, once: ")
    assert message.count(". ") == 1

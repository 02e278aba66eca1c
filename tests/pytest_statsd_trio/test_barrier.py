"""The barrier against sockets that lose markers, or that have more to read."""

import time

from pytest_statsd_trio.barrier import Barrier
from pytest_statsd_trio.markers import DATAGRAM, STREAM, UDP
from pytest_statsd_trio.recorder import Recorder, format_marker
from statsd_trio.protocol import MetricType, Sample, parse_message

HITS = Sample("hits", MetricType.COUNTER, (1.0,))


class FakeSocket:
    """Delivers each marker but the first *lost* at once, with what a turn reads."""

    def __init__(
        self,
        transport: str,
        recorder: Recorder,
        turns: list[list[Sample]],
        *,
        lost: int = 0,
    ) -> None:
        self.transport = transport
        self.sent = 0
        self._recorder = recorder
        self._turns = turns
        self._lost = lost

    def fileno(self) -> int:
        return -1

    def send_nowait(self, number: int) -> None:
        self.sent += 1
        if self.sent <= self._lost:
            return
        marker = parse_message(format_marker(self.transport, number))
        assert isinstance(marker, Sample)
        for sample in [marker, *(self._turns.pop(0) if self._turns else [])]:
            self._recorder.take_sample(sample)

    def close(self) -> None:
        pass


def test_markers_go_on_until_one_arrives_alone() -> None:
    recorder = Recorder()
    stream = FakeSocket(STREAM, recorder, [[HITS], [HITS], []])
    datagram = FakeSocket(DATAGRAM, recorder, [])
    barrier = Barrier([datagram, stream], recorder)  # type: ignore[list-item]
    assert barrier.pass_through(time.monotonic() + 60) == []
    assert (datagram.sent, stream.sent) == (1, 3)


def test_marker_that_was_lost_is_sent_again() -> None:
    recorder = Recorder()
    udp = FakeSocket(UDP, recorder, [], lost=1)
    stream = FakeSocket(STREAM, recorder, [])
    barrier = Barrier([udp, stream], recorder)  # type: ignore[list-item]
    assert barrier.pass_through(time.monotonic() + 60) == []
    assert (udp.sent, stream.sent) == (2, 1)


def test_transport_that_is_silent_until_the_deadline_is_named() -> None:
    recorder = Recorder()
    udp = FakeSocket(UDP, recorder, [], lost=1)
    stream = FakeSocket(STREAM, recorder, [])
    barrier = Barrier([udp, stream], recorder)  # type: ignore[list-item]
    assert barrier.pass_through(time.monotonic()) == [UDP]


def test_markers_are_no_metrics() -> None:
    recorder = Recorder()
    Barrier([FakeSocket(UDP, recorder, [])], recorder).pass_through(0)  # type: ignore[list-item]
    assert not len(recorder.read())
    assert recorder.arrivals == 0

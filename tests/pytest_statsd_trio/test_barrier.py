"""The barrier against sockets that lose markers, or that have more to read."""

import time

from pytest_statsd_trio.barrier import Barrier
from pytest_statsd_trio.markers import DATAGRAM, STREAM, UDP
from pytest_statsd_trio.recorder import Recorder, format_marker
from statsd_trio.protocol import MetricType, Sample, parse_message

HITS = Sample("hits", MetricType.COUNTER, (1.0,))


class FakeSocket:
    """Delivers each marker at once, with what else a server reads in that turn."""

    def __init__(
        self, transport: str, recorder: Recorder, turns: list[list[Sample]] | None
    ) -> None:
        self.transport = transport
        self.sent = 0
        self._recorder = recorder
        self._turns = turns

    def fileno(self) -> int:
        return -1

    def send_nowait(self, number: int) -> None:
        self.sent += 1
        if self._turns is None:
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


def test_lost_marker_is_sent_again_until_the_deadline() -> None:
    recorder = Recorder()
    udp = FakeSocket(UDP, recorder, None)
    stream = FakeSocket(STREAM, recorder, [])
    barrier = Barrier([udp, stream], recorder)  # type: ignore[list-item]
    assert barrier.pass_through(time.monotonic() + 0.15) == [UDP]
    assert (udp.sent, stream.sent) == (2, 1)


def test_markers_are_no_metrics() -> None:
    recorder = Recorder()
    Barrier([FakeSocket(UDP, recorder, [])], recorder).pass_through(0)  # type: ignore[list-item]
    assert not len(recorder.read())
    assert recorder.arrivals == 0

"""The barrier against sockets that lose markers, or that have more to read."""

from collections.abc import Callable

import pytest

from pytest_statsd_trio.endpoint import DATAGRAM, STREAM, UDP
from pytest_statsd_trio.received import Recorder, format_marker
from pytest_statsd_trio.waiting import Limit, Waiter, run_blocking
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


class FakePauses:
    """Pauses without time: what is not there at once comes never."""

    def __init__(self) -> None:
        self.now = 0.0
        self.clocks = [lambda: self.now]

    def notify(self) -> None:
        pass

    async def until(self, is_done: Callable[[], bool], limit: Limit) -> None:
        if not is_done():
            self.now += limit.measure_rest()

    async def until_writable(self, sock: object, limit: Limit) -> None:
        self.now += limit.measure_rest()


def pass_barrier(
    recorder: Recorder, *sockets: FakeSocket, seconds: float = 60
) -> list[str]:
    pauses = FakePauses()
    waiter = Waiter(sockets, recorder, pauses)
    return run_blocking(waiter.pass_barrier(Limit.after(seconds, pauses.clocks)))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(notify=lambda: None)


def test_markers_go_on_until_one_arrives_alone(recorder: Recorder) -> None:
    stream = FakeSocket(STREAM, recorder, [[HITS], [HITS], []])
    datagram = FakeSocket(DATAGRAM, recorder, [])
    assert pass_barrier(recorder, datagram, stream) == []
    assert (datagram.sent, stream.sent) == (1, 3)


def test_marker_that_was_lost_is_sent_again(recorder: Recorder) -> None:
    udp = FakeSocket(UDP, recorder, [], lost=1)
    stream = FakeSocket(STREAM, recorder, [])
    assert pass_barrier(recorder, udp, stream) == []
    assert (udp.sent, stream.sent) == (2, 1)


def test_marker_is_sent_again_until_the_limit_is_over(recorder: Recorder) -> None:
    udp = FakeSocket(UDP, recorder, [], lost=9)
    stream = FakeSocket(STREAM, recorder, [])
    assert pass_barrier(recorder, udp, stream, seconds=0.15) == [UDP]
    assert (udp.sent, stream.sent) == (2, 1)


def test_server_that_is_gone_is_noticed_at_once(recorder: Recorder) -> None:
    class ClosedSocket(FakeSocket):
        def send_nowait(self, number: int) -> None:
            raise ConnectionRefusedError

    udp = FakeSocket(UDP, recorder, [], lost=9)
    closed = ClosedSocket(DATAGRAM, recorder, [])
    assert pass_barrier(recorder, udp, closed) == [UDP, DATAGRAM]
    assert udp.sent == 1


def test_markers_are_no_metrics(recorder: Recorder) -> None:
    assert pass_barrier(recorder, FakeSocket(UDP, recorder, []), seconds=0) == []
    assert not len(recorder.read())
    assert recorder.arrivals == 0

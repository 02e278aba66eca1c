import logging
import socket
from collections.abc import Iterator

import pytest

from statsd_trio.transports.forward import Forwarder, open_forwarder

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


async def test_a_packet_is_sent_on_unchanged(target: socket.socket) -> None:
    forwarder = await open_forwarder(*target.getsockname())
    forwarder.forward_nowait(b"a:1|c\nnot a metric\n")
    assert target.recv(100) == b"a:1|c\nnot a metric\n"
    assert (forwarder.counters.packets, forwarder.counters.bytes) == (1, 19)
    forwarder.close()


async def test_a_target_that_is_not_there_is_counted_and_found_when_it_is() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    forwarder = await open_forwarder(*address)
    forwarder.forward_nowait(b"lost")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
        target.bind(address)
        forwarder.forward_nowait(b"a:1|c")
        assert target.recv(100) == b"a:1|c"
    assert forwarder.counters.bounced == 1
    assert not forwarder.counters.refused
    forwarder.close()


async def test_a_packet_too_long_for_udp_is_counted(target: socket.socket) -> None:
    forwarder = await open_forwarder(*target.getsockname())
    forwarder.forward_nowait(b"x" * 70_000)
    assert forwarder.counters.refused == {"Message too long": 1}
    assert forwarder.counters.packets == 0
    forwarder.close()


async def test_a_name_that_does_not_resolve_is_logged_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    forwarder = await open_forwarder("no such host", 8125)
    forwarder.forward_nowait(b"a:1|c")
    assert forwarder.counters.refused == {"not_connected": 1}
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    [message] = caplog.messages
    assert message.startswith("not forwarding to udp://no such host:8125: ")
    assert "Errno" not in message
    assert message.endswith(". Check forward_host and forward_port.")
    forwarder.close()


async def test_a_full_send_buffer_is_counted(target: socket.socket) -> None:
    forwarder = await open_forwarder(*target.getsockname())

    class Full:
        def send(self, data: bytes) -> int:
            raise BlockingIOError

        def close(self) -> None:
            pass

    full = Forwarder(Full(), forwarder.counters)  # type: ignore[arg-type]  # a fake
    full.forward_nowait(b"a:1|c")
    forwarder.close()
    assert forwarder.counters.refused == {"buffer_full": 1}


async def test_after_its_close_packets_are_refused(target: socket.socket) -> None:
    forwarder = await open_forwarder(*target.getsockname())
    forwarder.close()
    forwarder.close()
    forwarder.forward_nowait(b"a:1|c")
    assert forwarder.counters.freeze().refused == {"not_connected": 1}

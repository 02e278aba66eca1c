"""Many datagrams in one system call, over real sockets."""

import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from statsd_trio.transports.origin import CREDENTIAL_SPACE, unpack_credentials

native = pytest.importorskip("statsd_trio._native", reason="it was not built")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="recvmmsg is Linux's")


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@pytest.fixture
def sender(receiver: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(receiver.getsockname())
        yield sock


def test_takes_what_waits_in_order(
    receiver: socket.socket, sender: socket.socket
) -> None:
    sent = [b"n%d" % number for number in range(10)]
    for data in sent:
        sender.send(data)
    received = native.receive_many(receiver.fileno(), 100, 64)
    assert sent == [data for data, _ in received]
    assert native.receive_many(receiver.fileno(), 100, 64) == []


def test_takes_no_more_than_asked(
    receiver: socket.socket, sender: socket.socket
) -> None:
    for data in (b"1", b"2", b"3"):
        sender.send(data)
    first = native.receive_many(receiver.fileno(), 100, 2)
    rest = native.receive_many(receiver.fileno(), 100, 2)
    assert ([d for d, _ in first], [d for d, _ in rest]) == ([b"1", b"2"], [b"3"])


def test_cuts_what_is_longer_and_keeps_the_next_whole(
    receiver: socket.socket, sender: socket.socket
) -> None:
    sender.send(b"x" * 50)
    sender.send(b"")
    sender.send(b"y" * 8)
    received = native.receive_many(receiver.fileno(), 9, 64)
    assert [data for data, _ in received] == [b"x" * 9, b"", b"y" * 8]


def test_names_the_sender_by_its_address(
    receiver: socket.socket, sender: socket.socket
) -> None:
    sender.send(b"1")
    ((_, address),) = native.receive_many(receiver.fileno(), 100, 64)
    family, port, host = struct.unpack("=H2s4s8x", address)
    assert family == socket.AF_INET
    assert sender.getsockname() == (
        socket.inet_ntoa(host),
        int.from_bytes(port, "big"),
    )


def test_names_the_process_behind_a_unix_socket() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        theirs.send(b"1")
        theirs.send(b"2")
        received = native.receive_many(ours.fileno(), 100, 64, CREDENTIAL_SPACE)
        expected = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    assert [data for data, _ in received] == [b"1", b"2"]
    assert {unpack_credentials(expected)} == {
        unpack_credentials(credentials) for _, credentials in received
    }


def test_closes_descriptors_that_a_client_passes() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    passed, other_end = socket.socketpair()
    with ours, theirs, other_end:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        socket.send_fds(theirs, [b"1"], [passed.fileno()])
        passed.close()
        ((data, _),) = native.receive_many(ours.fileno(), 100, 64, CREDENTIAL_SPACE)
        # Were it open in this process, the other end would not see its end.
        other_end.settimeout(5)
        assert (data, other_end.recv(1)) == (b"1", b"")


def test_an_icmp_answer_is_raised_once_and_loses_nothing(
    receiver: socket.socket, sender: socket.socket
) -> None:
    # Who is connected is told that nobody listened at the other end.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    receiver.connect(address)
    receiver.send(b"is anybody there?")
    receiver.connect(sender.getsockname())
    sender.send(b"1")
    with pytest.raises(ConnectionRefusedError):
        native.receive_many(receiver.fileno(), 100, 64)
    received = native.receive_many(receiver.fileno(), 100, 64)
    assert [data for data, _ in received] == [b"1"]


def test_an_error_keeps_its_number() -> None:
    with pytest.raises(OSError, match="descriptor") as raised:
        native.receive_many(-1, 100, 64)
    assert raised.value.errno == 9

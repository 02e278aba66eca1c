import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from statsd_trio.transports.inherited import open_inherited
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet_queue import PacketQueue

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]

pytestmark = [
    pytest.mark.usefixtures("no_leaks", "read_each_way"),
    pytest.mark.skipif("sys.platform == 'win32'", reason="no Unix sockets in Python"),
]


def open_listener(sock: socket.socket) -> Listener:
    return open_inherited(
        sock,
        buffer_size=8192,
        receive_buffer_bytes=0,
        max_connections=10,
        frame_timeout_seconds=10,
    )


@pytest.mark.parametrize(
    ("family", "kind", "name"),
    [
        (socket.AF_INET, socket.SOCK_DGRAM, "udp://127.0.0.1:"),
        (socket.AF_INET6, socket.SOCK_DGRAM, "udp://[::1]:"),
        (socket.AF_INET, socket.SOCK_STREAM, "tcp://127.0.0.1:"),
        (socket.AF_UNIX, socket.SOCK_DGRAM, "unixgram:///"),
        (socket.AF_UNIX, socket.SOCK_STREAM, "unixstream:///"),
    ],
)
async def test_what_arrives_after_a_stop_waits_for_the_next_server(
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    name: str,
    tmp_path: Path,
    receiving: Receiving,
) -> None:
    line = b"a:1|c\n"
    if name.startswith("unixstream"):
        line = struct.pack("<I", len(line)) + line
    with socket.socket(family, kind) as sock:
        hosts = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
        sock.bind(
            str(tmp_path / "x") if family == socket.AF_UNIX else (hosts[family], 0)
        )
        for _ in range(2):
            listener = open_listener(sock)
            assert listener.counters.name.startswith(name)
            with socket.socket(family, kind) as client:
                client.connect(sock.getsockname())
                client.send(line)
                async with receiving(listener) as packets:
                    assert (await packets.receive()).data == b"a:1|c\n"
        if family == socket.AF_UNIX:
            assert stat(tmp_path / "x")


def stat(path: Path) -> os.stat_result:
    return path.lstat()


def test_a_socket_that_is_bound_to_nothing_is_refused() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(OSError, match="it is not bound"),
    ):
        open_listener(sock)


def test_a_unix_socket_without_a_path_is_refused() -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        pytest.raises(OSError, match="it is not bound"),
    ):
        open_listener(sock)


def test_a_socket_of_another_kind_is_refused() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other, pytest.raises(OSError, match="it must be a UDP, TCP or Unix"):
        open_listener(one)


def test_a_socket_that_cannot_listen_is_refused_and_not_kept() -> None:
    with socket.socket() as server, socket.socket() as sock:
        server.bind(("127.0.0.1", 0))
        server.listen()
        sock.connect(server.getsockname())
        with pytest.raises(OSError, match="Invalid argument"):
            open_listener(sock)


def test_a_receive_buffer_larger_than_asked_for_is_kept() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        sock.bind(("127.0.0.1", 0))
        listener = open_inherited(
            sock,
            buffer_size=8192,
            receive_buffer_bytes=50_000,
            max_connections=1,
            frame_timeout_seconds=1,
        )
        listener.close()
        assert (listener.counters.granted_buffer_bytes or 0) >= 100_000


_CHILD = """
import os, trio
from statsd_trio.operating.systemd import take_sockets
from statsd_trio.transports.inherited import open_inherited
from statsd_trio.transports.packet_queue import PacketQueue

async def main():
    for sock in take_sockets(os.environ, os.getpid()):
        assert not os.get_inheritable(sock.fileno())
        listener = open_inherited(
            sock, buffer_size=8192, receive_buffer_bytes=0, max_connections=10,
            frame_timeout_seconds=10,
        )
        receive = PacketQueue(100)
        send = receive.open_send_channel(listener.counters)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.receive, send)
            packet = await receive.receive()
            print(listener.counters.name, packet.data.decode(), flush=True)
            nursery.cancel_scope.cancel()

trio.run(main)
"""


def test_descriptors_passed_as_systemd_does_are_received_from(tmp_path: Path) -> None:
    path = str(tmp_path / "dsd.socket")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client,
    ):
        udp.bind(("127.0.0.1", 0))
        stream.bind(path)
        stream.listen()
        udp.sendto(b"a:1|c", udp.getsockname())
        client.connect(path)
        client.send(struct.pack("<I", 5) + b"b:1|c")
        # As systemd does: the descriptors stand at 3 and 4 when the program starts.
        starter = (
            "import os\n"
            f"os.dup2({udp.fileno()}, 100); os.dup2({stream.fileno()}, 101)\n"
            "os.dup2(100, 3); os.dup2(101, 4); os.environ['LISTEN_FDS'] = '2'\n"
            "os.environ['LISTEN_PID'] = str(os.getpid())\n"
            f"os.execv({sys.executable!r}, [{sys.executable!r}, '-c', {_CHILD!r}])"
        )
        done = subprocess.run(
            [sys.executable, "-c", starter],
            pass_fds=(udp.fileno(), stream.fileno()),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        port = udp.getsockname()[1]
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"udp://127.0.0.1:{port} a:1|c",
        f"unixstream://{path} b:1|c",
    ]

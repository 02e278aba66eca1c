"""What the two baselines share: one bound socket, and what the kernel reports of it."""

import socket
from pathlib import Path

import trio

from benchmarks.servers.serving import Report, Serving
from statsd_trio.transports.buffer import read_drops, request_buffer


def bind(serving: Serving) -> socket.socket:
    """Bind one non-blocking datagram socket on this machine."""
    if serving.transports[0] == "unixgram":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(str(Path(serving.folder, "unixgram")))
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    request_buffer(sock, serving.so_rcvbuf)
    return sock


def describe(sock: socket.socket) -> Report:
    """Begin a report with what the kernel reports about *sock*."""
    is_udp = sock.family == socket.AF_INET
    return Report(
        kernel_dropped=read_drops(sock) if is_udp else None,
        granted_buffer_bytes=sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
    )


async def receive_packet(sock: socket.socket, max_bytes: int) -> bytes:
    """Wait for one packet."""
    while True:
        await trio.lowlevel.wait_readable(sock)
        try:
            return sock.recv(max_bytes)
        except BlockingIOError:
            continue

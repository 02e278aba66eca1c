"""Send packets from a process: build them, send them at a rate, print a report.

It prints a JSON line when its packets are built, waits for a line on its standard
input, sends, and prints what it did. So building costs no one anything.

At a rate the packets are spaced evenly: each is sent when it is due, on a core that
waits for that and does nothing else. A sender that sleeps between them instead sends
several at once, and spares the server most of its wake-ups.
"""

import contextlib
import errno
import itertools
import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import attrs

from benchmarks.workload import Workload, count_lines

# Between two looks at the clock when there is no rate to keep.
_BATCH_PACKETS: Final = 64

# A sleep may last longer than asked for by this; the rest is waited for awake.
_OVERSLEPT_SECONDS: Final = 0.0005

# After the last packet of a stream, the server has so long to read to its end.
_MAX_END_SECONDS: Final = 30.0

# Source: Linux, include/uapi/linux/in.h, and ip(7).
_IP_RECVERR: Final = 11

# For what comes back of the last packets, on this machine.
_BOUNCE_SECONDS: Final = 0.1

_STREAMS: Final = frozenset({"unixstream", "tcp"})
_LENGTH: Final = struct.Struct("<I")


@attrs.frozen
class Sending:
    """What to send, where to and how fast.

    Attributes:
        workload: built once, and sent from the start again when it ends.
        transport: of the server's listener.
        lines_per_second: 0 sends as fast as it can.
        packets_per_second: likewise; for streams whose packets hold no lines.
        max_packets: 0 for each packet of the workload once.
        delay_seconds: waited before the first packet.
        core: the CPU to stay on.
        waits_when_full: whether to wait for room on EAGAIN, instead of counting the
            packet as refused.
        is_awake: whether to stay awake for the moment when a packet is due. Otherwise
            the sender sleeps, which leaves the core to others, and then sends at once
            what is due.
    """

    workload: Workload
    transport: str = "udp"
    lines_per_second: float = 0
    packets_per_second: float = 0
    max_seconds: float = 10
    max_packets: int = 0
    delay_seconds: float = 0
    core: int | None = None
    waits_when_full: bool = True
    is_awake: bool = True


@attrs.frozen
class Sent:
    """What a sender has done.

    Attributes:
        packets: taken by the kernel.
        bounced: sent, but refused by a server that has stopped; not among *packets*.
        refused: given up: EAGAIN or no buffer.
        waits: how often it waited for room.
        longest_gap_seconds: between two packets, where there was a rate to keep.
        started: on the system's monotonic clock.
    """

    packets: int
    lines: int
    bytes: int
    seconds: float
    refused: int
    waits: int
    waited_seconds: float
    longest_gap_seconds: float
    started: float
    bounced: int = 0


def choose_cores() -> tuple[int | None, int | None]:
    """Choose a core for the server and one for the sender, if there are two."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[-1]) if len(cores) > 1 else (None, None)


def connect(transport: str, target: str | list[Any]) -> socket.socket:
    """Open a socket to *target*: a path, or host and port."""
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    is_stream = transport in _STREAMS
    sock = socket.socket(family, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM)
    if family == socket.AF_INET and not is_stream and sys.platform == "linux":
        # The kernel then says of each packet that nobody took it, not of the first.
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    sock.connect(target if isinstance(target, str) else (target[0], target[1]))
    sock.setblocking(False)
    return sock


class _Outgoing:
    """One socket; what the kernel does not accept is sent later, or given up."""

    def __init__(
        self, sock: socket.socket, transport: str, *, is_patient: bool
    ) -> None:
        self._sock = sock
        self._is_stream = transport in _STREAMS
        self._is_patient = is_patient
        self.deadline = 0.0
        self.refused = 0
        self.waits = 0
        self.waited_seconds = 0.0

    def send(self, packet: bytes) -> bool:
        """Send *packet*; False if it was given up."""
        left = packet
        while True:
            try:
                taken = self._sock.send(left)
            except OSError as error:
                if error.errno not in {errno.EAGAIN, errno.ENOBUFS}:
                    raise
                if not self._wait(is_in_packet=len(left) < len(packet)):
                    self.refused += 1
                    return False
                continue
            if taken == len(left) or not self._is_stream:
                return True
            left = left[taken:]

    def finish(self) -> None:
        """End a stream, and wait until the server has read it to its end."""
        if not self._is_stream:
            return
        self._sock.shutdown(socket.SHUT_WR)
        self._sock.settimeout(_MAX_END_SECONDS)
        self._sock.recv(1)

    def _wait(self, *, is_in_packet: bool) -> bool:
        started = time.monotonic()
        # Half a packet would make the rest of a stream unreadable.
        if not (self._is_patient and started < self.deadline) and not is_in_packet:
            return False
        self.waits += 1
        select.select([], [self._sock], [], 1)
        self.waited_seconds += time.monotonic() - started
        return True


def send(sock: socket.socket, packets: list[bytes], sending: Sending) -> Sent:
    """Send *packets* as *sending* says, or until the server is gone."""
    line_counts = [count_lines(packet) for packet in packets]
    rate = sending.packets_per_second
    if sending.lines_per_second:
        rate = sending.lines_per_second * len(packets) / sum(line_counts)
    wire = packets
    if sending.transport == "unixstream":
        wire = [_LENGTH.pack(len(packet)) + packet for packet in packets]
    taken = [0] * len(packets)
    outgoing = _Outgoing(sock, sending.transport, is_patient=sending.waits_when_full)
    max_packets = sending.max_packets or len(packets)
    started = time.monotonic()
    outgoing.deadline = started + sending.max_seconds
    gap = 0.0
    is_gone = True
    with contextlib.suppress(ConnectionError):
        if rate:
            wait = _wait_awake if sending.is_awake else _wait_asleep
            gap = _send_evenly(outgoing, wire, taken, max_packets, rate, wait)
        else:
            _send_at_once(outgoing, wire, taken, max_packets)
        outgoing.finish()
        is_gone = False
    seconds = time.monotonic() - started
    bounced = _count_bounced(sock, _BOUNCE_SECONDS if is_gone else 0)
    offered = sum(taken) + outgoing.refused
    for number in range(offered - bounced, offered):
        taken[number % len(packets)] -= 1
    return Sent(
        packets=sum(taken),
        lines=_weigh(taken, line_counts),
        bytes=_weigh(taken, [len(packet) for packet in packets]),
        seconds=seconds,
        refused=outgoing.refused,
        waits=outgoing.waits,
        waited_seconds=outgoing.waited_seconds,
        longest_gap_seconds=gap,
        started=started,
        bounced=bounced,
    )


def _count_bounced(sock: socket.socket, wait_seconds: float) -> int:
    """Count the packets that were refused because their server has stopped."""
    is_udp = sock.family == socket.AF_INET and sock.type == socket.SOCK_DGRAM
    if not is_udp or sys.platform != "linux":
        return 0
    time.sleep(wait_seconds)
    bounced = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recvmsg(1, 512, socket.MSG_ERRQUEUE)
            bounced += 1
    return bounced


def _send_at_once(
    outgoing: _Outgoing, packets: list[bytes], taken: list[int], max_packets: int
) -> None:
    send = outgoing.send
    for offered in range(max_packets):
        if offered % _BATCH_PACKETS == 0 and time.monotonic() >= outgoing.deadline:
            break
        index = offered % len(packets)
        taken[index] += send(packets[index])


def _send_evenly(
    outgoing: _Outgoing,
    packets: list[bytes],
    taken: list[int],
    max_packets: int,
    rate: float,
    wait_until: Callable[[float], float],
) -> float:
    """Send each packet when it is due; return the longest gap between two."""
    send = outgoing.send
    last = started = time.monotonic()
    longest = 0.0
    for offered in range(max_packets):
        now = wait_until(started + offered / rate)
        if now >= outgoing.deadline:
            break
        longest = max(longest, now - last)
        last = now
        index = offered % len(packets)
        taken[index] += send(packets[index])
    return longest


def _wait_awake(due: float) -> float:
    """Wait until *due*, the last moment without sleeping; return the time."""
    now = time.monotonic()
    if due - now > _OVERSLEPT_SECONDS:
        time.sleep(due - now - _OVERSLEPT_SECONDS)
    while now < due:
        now = time.monotonic()
    return now


def _wait_asleep(due: float) -> float:
    """Sleep until *due* or somewhat longer; return the time."""
    now = time.monotonic()
    if now >= due:
        return now
    time.sleep(due - now)
    return time.monotonic()


def _weigh(counts: list[int], weights: list[int]) -> int:
    return sum(itertools.starmap(int.__mul__, zip(counts, weights, strict=True)))


def main() -> None:
    """Serve one order, given as JSON."""
    order = json.loads(sys.argv[1])
    target = order.pop("target")
    sending = Sending(workload=Workload(**order.pop("workload")), **order)
    if sending.core is not None:
        os.sched_setaffinity(0, {sending.core})
    packets = sending.workload.build()
    sock = connect(sending.transport, target)
    print(json.dumps({"packets": len(packets)}), flush=True)
    if sys.stdin.readline():
        time.sleep(sending.delay_seconds)
        print(json.dumps(attrs.asdict(send(sock, packets, sending))), flush=True)


if __name__ == "__main__":
    main()

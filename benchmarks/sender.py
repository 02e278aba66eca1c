"""A process that sends: packets built first, then sent at a rate, then one report.

It prints a JSON line when its packets are built, waits for a line on its standard
input, sends, and prints what it did. So building costs no one anything.
"""

import errno
import itertools
import json
import os
import select
import socket
import sys
import time
from typing import Any, Final

import attrs

from benchmarks.workload import Workload, count_lines

# Between two looks at the clock when there is no rate to keep.
_BATCH_PACKETS: Final = 64

# The grain of a paced sender: what is due in a tick is sent without a pause.
_TICK_SECONDS: Final = 0.001


@attrs.frozen
class Sending:
    """What to send, where to and how fast.

    Attributes:
        workload: built once, and sent from the start again when it ends.
        lines_per_second: 0 sends as fast as it can.
        packets_per_second: likewise; for streams whose packets hold no lines.
        max_packets: 0 for each packet of the workload once.
        delay_seconds: waited before the first packet.
        core: the CPU to stay on.
        waits_when_full: on EAGAIN wait for room; else the packet counts as refused.
    """

    workload: Workload
    lines_per_second: float = 0
    packets_per_second: float = 0
    max_seconds: float = 10
    max_packets: int = 0
    delay_seconds: float = 0
    core: int | None = None
    waits_when_full: bool = True


@attrs.frozen
class Sent:
    """What a sender did.

    Attributes:
        packets: taken by the kernel.
        refused: given up: EAGAIN or no buffer.
        waits: how often it waited for room.
        started: on the system's monotonic clock.
    """

    packets: int
    lines: int
    bytes: int
    seconds: float
    refused: int
    waits: int
    waited_seconds: float
    started: float


def connect(target: str | list[Any]) -> socket.socket:
    """Open a socket to *target*: a path, or host and port."""
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect(target if isinstance(target, str) else (target[0], target[1]))
    sock.setblocking(False)
    return sock


class _Patience:
    """Sends what the kernel did not take at once, or gives it up."""

    def __init__(
        self, sock: socket.socket, deadline: float, *, is_patient: bool
    ) -> None:
        self._sock = sock
        self._deadline = deadline
        self._is_patient = is_patient
        self.refused = 0
        self.waits = 0
        self.waited_seconds = 0.0

    def send(self, packet: bytes, error: OSError) -> bool:
        """Try *packet* again until it is taken or time is up; False if given up."""
        while error.errno in {errno.EAGAIN, errno.ENOBUFS}:
            started = time.monotonic()
            if not self._is_patient or started > self._deadline:
                self.refused += 1
                return False
            self.waits += 1
            select.select([], [self._sock], [], 1)
            self.waited_seconds += time.monotonic() - started
            try:
                self._sock.send(packet)
            except OSError as again:
                error = again
            else:
                return True
        raise error


def send(sock: socket.socket, packets: list[bytes], sending: Sending) -> Sent:
    """Send *packets* as *sending* says."""
    line_counts = [count_lines(packet) for packet in packets]
    rate = sending.packets_per_second
    if sending.lines_per_second:
        rate = sending.lines_per_second * len(packets) / sum(line_counts)
    max_packets = sending.max_packets or len(packets)
    taken = [0] * len(packets)
    position = offered = 0
    started = time.monotonic()
    deadline = started + sending.max_seconds
    patience = _Patience(sock, deadline, is_patient=sending.waits_when_full)
    while offered < max_packets and (now := time.monotonic()) < deadline:
        due = int((now - started) * rate) + 1 - offered if rate else _BATCH_PACKETS
        due = min(due, _BATCH_PACKETS, max_packets - offered, len(packets) - position)
        if due <= 0:
            time.sleep(_TICK_SECONDS)
            continue
        for index in range(position, position + due):
            try:
                sock.send(packets[index])
            except OSError as error:
                if not patience.send(packets[index], error):
                    continue
            taken[index] += 1
        offered += due
        position = (position + due) % len(packets)
    return Sent(
        packets=sum(taken),
        lines=_weigh(taken, line_counts),
        bytes=_weigh(taken, [len(packet) for packet in packets]),
        seconds=time.monotonic() - started,
        refused=patience.refused,
        waits=patience.waits,
        waited_seconds=patience.waited_seconds,
        started=started,
    )


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
    sock = connect(target)
    print(json.dumps({"packets": len(packets)}), flush=True)
    if sys.stdin.readline():
        time.sleep(sending.delay_seconds)
        print(json.dumps(attrs.asdict(send(sock, packets, sending))), flush=True)


if __name__ == "__main__":
    main()

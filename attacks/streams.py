"""Flood one transport, and check that senders over others can go on.

The others are one sender over UDP, at a rate that the server takes many times over.
It may lose a tenth of its packets at most, whatever is done over other sockets.
"""

import contextlib
import signal
import socket
import struct
import time
from collections.abc import Mapping
from typing import Final

from attacks.attack import Attack
from attacks.children.stream_sender import StreamSending
from attacks.trial import Bounds, Trial, find_listener
from benchmarks.sender import Sending
from benchmarks.workload import (
    UDP_PACKET_BYTES,
    UNIX_PACKET_BYTES,
    Workload,
    count_lines,
)
from statsd_trio.ledger import Ledger

_SECONDS: Final = 4.0

# Of the flood: it begins before the others and ends after them.
_FLOOD_SECONDS: Final = _SECONDS + 1.5
_HEAD_START_SECONDS: Final = 0.5

# More than twice what the socket's buffer holds, so that no stall goes unnoticed.
_VICTIM: Final = Sending(
    Workload("counters", 20_000, contexts=100),
    packets_per_second=6000,
    max_packets=round(6000 * _SECONDS),
    max_seconds=_SECONDS * 2,
    delay_seconds=_HEAD_START_SECONDS,
)
_FLOOD: Final = Workload("mixed", 65_000, UNIX_PACKET_BYTES, contexts=1000)
_MOST_LOST: Final = 0.1

_PAUSE_SECONDS: Final = 3.0
_PAUSED_CONNECTIONS: Final = 10

# Of the first frame, what is sent before the pause.
_PART_BYTES: Final = 100


def send_empty_frames(trial: Trial) -> None:
    """Write zeros, which are frames without contents, to the Unix stream."""
    zeros = StreamSending(
        Workload("empty", 65_536), is_framed=True, max_seconds=_FLOOD_SECONDS
    )
    _flood_stream(trial, zeros, is_unix=True)


def flood_unix_stream(trial: Trial) -> None:
    """Flood over one connection of the Unix stream."""
    sending = StreamSending(_FLOOD, is_framed=True, max_seconds=_FLOOD_SECONDS)
    _flood_stream(trial, sending, is_unix=True)


def flood_tcp(trial: Trial) -> None:
    """Flood over one TCP connection."""
    sending = StreamSending(_FLOOD, max_seconds=_FLOOD_SECONDS)
    _flood_stream(trial, sending, is_unix=False)


def flood_eight_tcp(trial: Trial) -> None:
    """Flood over eight TCP connections."""
    sending = StreamSending(_FLOOD, connections=8, max_seconds=_FLOOD_SECONDS)
    _flood_stream(trial, sending, is_unix=False)


def flood_unix_datagrams(trial: Trial) -> None:
    """Flood over the Unix datagram socket."""
    intakes = trial.start_intakes()
    path = str(trial.folder / "dsd.socket")
    server = trial.start_server(f"--socket-path={path}", intakes=intakes)
    flood = trial.start_datagrams(
        Sending(_FLOOD, max_seconds=_FLOOD_SECONDS, max_packets=10_000_000), path
    )
    victim = trial.start_datagrams(_VICTIM, server.udp)
    flood.go()
    victim.go()
    sent = victim.wait()
    flooded = flood.wait()
    ledger = trial.judge(server.stop())
    trial.finding.load = f"{flooded.lines / flooded.seconds:,.0f} lines/s"
    listener = find_listener(ledger, "unixgram")
    trial.account(
        "packets over the Unix socket",
        flooded.packets,
        listener.packets + listener.refused.get("stop", 0),
    )
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    _judge_victim(trial, ledger, sent.packets, sent.lines, received.values)


def pause(trial: Trial) -> None:
    """Pause the server for longer than a frame may take, while frames are on their way.

    Each connection sends a part of a frame, and the rest with more frames once the
    server is paused: when that goes on, all is there since long.
    """
    intakes = trial.start_intakes()
    path = str(trial.folder / "dsd.socket")
    server = trial.start_server(
        f"--stream-socket-path={path}", "--frame-timeout-seconds=1", intakes=intakes
    )
    packets = Workload("counters", 1000, UDP_PACKET_BYTES).build()
    data = b"".join(struct.pack("<I", len(packet)) + packet for packet in packets)
    lines = sum(map(count_lines, packets)) * _PAUSED_CONNECTIONS
    with contextlib.ExitStack() as stack:
        streams = [
            stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            for _ in range(_PAUSED_CONNECTIONS)
        ]
        for stream in streams:
            stream.connect(path)
            stream.sendall(data[:_PART_BYTES])
        time.sleep(0.5)
        server.send_signal(signal.SIGSTOP)
        for stream in streams:
            stream.sendall(data[_PART_BYTES:])
        time.sleep(_PAUSE_SECONDS)
        server.send_signal(signal.SIGCONT)
        time.sleep(0.5)
    bounds = Bounds(answer_seconds=Bounds().answer_seconds + _PAUSE_SECONDS)
    ledger = trial.judge(server.stop(), bounds)
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    delivered = received.values.get("shop.orders", 0)
    trial.account("lines", lines, delivered)
    frames = len(packets) * _PAUSED_CONNECTIONS
    trial.finding.load = f"{frames:,} frames, SIGSTOP for {_PAUSE_SECONDS:g} s"
    trial.finding.delivered = f"{delivered:,.0f} of {lines:,} lines"


def _flood_stream(trial: Trial, flooding: StreamSending, *, is_unix: bool) -> None:
    """Flood a stream, and judge what a sender over UDP loses because of it."""
    intakes = trial.start_intakes()
    path = str(trial.folder / "dsd.socket")
    flag = f"--stream-socket-path={path}" if is_unix else "--tcp-port=__random__"
    server = trial.start_server(flag, intakes=intakes)
    target = path if is_unix else server.addresses[1]
    flood = trial.start_streams(flooding, target)
    victim = trial.start_datagrams(_VICTIM, server.udp)
    flood.go()
    victim.go()
    sent = victim.wait()
    flooded = flood.wait()
    # All of it is in the kernel; what the server reads of it ends with the senders.
    flood.close()
    ledger = trial.judge(server.stop())
    listener = find_listener(ledger, "unixstream" if is_unix else "tcp")
    if flooding.workload.stream == "empty":
        trial.finding.load = f"{flooded.packets / flooded.seconds:,.0f} frames/s"
        trial.account(
            "empty frames", flooded.packets, listener.refused.get("empty_frame", 0)
        )
    else:
        trial.finding.load = f"{flooded.lines / flooded.seconds:,.0f} lines/s"
        if flooding.connections > 1:
            trial.finding.load += f", {flooding.connections} connections"
        kernel = sum(each.kernel_dropped or 0 for each in ledger.listeners)
        # What TCP has not acknowledged yet is nowhere at the server.
        if not (kernel or flooded.unacknowledged or flooded.broken):
            trial.account("lines", sent.lines + flooded.lines, ledger.lines.read)
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    _judge_victim(trial, ledger, sent.packets, sent.lines, received.values)


def _judge_victim(
    trial: Trial,
    ledger: Ledger,
    packets: int,
    lines: int,
    values: Mapping[str, float],
) -> None:
    """Judge what the sender over UDP has lost."""
    listener = find_listener(ledger, "udp")
    trial.account(
        "packets over UDP",
        packets,
        listener.packets
        + (listener.kernel_dropped or 0)
        + listener.refused.get("stop", 0),
    )
    delivered = values.get("shop.orders", 0)
    trial.finding.delivered = f"{delivered:,.0f} of {lines:,} lines of the other sender"
    share = 1 - listener.packets / packets
    trial.expect(
        share <= _MOST_LOST, f"the sender over UDP lost {share:.0%} of its packets"
    )


ATTACKS: Final = (
    Attack("empty frames", send_empty_frames),
    Attack("flood of a Unix stream", flood_unix_stream),
    Attack("flood over TCP", flood_tcp),
    Attack("eight floods over TCP", flood_eight_tcp),
    Attack("flood of Unix datagrams", flood_unix_datagrams),
    Attack("pause in a frame", pause),
)

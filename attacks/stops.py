"""Stop a busy server, and check that it accounts for everything in progress.

UDP is flooded while the server stops; of what its socket took, each packet must be
read or counted. Streams have data that is acknowledged and not read: the server is
paused, and told to stop before it goes on.
"""

import signal
import time
from typing import Final

from attacks.attack import Attack
from attacks.children.stream_sender import StreamSending
from attacks.trial import Trial, find_listener
from benchmarks.sender import Sending
from benchmarks.workload import UDP_PACKET_BYTES, Workload

# With lines that take long, since each is rejected: more than a stop has time for.
_CONNECTIONS: Final = 800
_LINES: Final = Workload("garbage", 20_000, UDP_PACKET_BYTES)

# Within what a new connection takes without being read.
_BYTES_EACH: Final = 48 * 1024

# A frame's length stands before it.
_HEAD_BYTES: Final = 4


def stop_under_flood(trial: Trial) -> None:
    """Stop while UDP is flooded."""
    intakes = trial.start_intakes()
    server = trial.start_server(intakes=intakes)
    flood = trial.start_datagrams(
        Sending(
            Workload("tagged", 65_000, UDP_PACKET_BYTES, contexts=1000),
            max_seconds=20,
            max_packets=10_000_000,
        ),
        server.udp,
    )
    flood.go()
    time.sleep(2)
    stopped = server.stop()
    sent = flood.wait()
    ledger = trial.judge(stopped)
    listener = find_listener(ledger, "udp")
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    trial.finding.load = f"{sent.lines / sent.seconds:,.0f} lines/s over UDP"
    trial.finding.delivered = f"{listener.packets:,} of {sent.packets:,} packets"
    trial.account(
        "packets",
        sent.packets,
        listener.packets
        + (listener.kernel_dropped or 0)
        + listener.refused.get("stop", 0),
    )
    trial.expect(sent.bounced > 0, "the flood did not last until the stop")


def stop_with_tcp_connections(trial: Trial) -> None:
    """Stop with unread data in 800 TCP connections."""
    _stop_with_unread(trial, is_unix=False)


def stop_with_unix_streams(trial: Trial) -> None:
    """Stop with unread data in 800 Unix streams."""
    _stop_with_unread(trial, is_unix=True)


def _stop_with_unread(trial: Trial, *, is_unix: bool) -> None:
    intakes = trial.start_intakes()
    path = str(trial.folder / "dsd.socket")
    flag = f"--stream-socket-path={path}" if is_unix else "--tcp-port=__random__"
    server = trial.start_server(flag, intakes=intakes)
    sending = StreamSending(
        _LINES,
        connections=_CONNECTIONS,
        is_framed=is_unix,
        max_seconds=15,
        bytes_each=_BYTES_EACH,
        holds=True,
    )
    sender = trial.start_streams(sending, path if is_unix else server.addresses[1])
    # It accepts them, and then none of its code runs while they write.
    time.sleep(0.5)
    server.pulse.stop()
    server.send_signal(signal.SIGSTOP)
    sender.go()
    sent = sender.wait()
    server.send_signal(signal.SIGTERM)
    server.send_signal(signal.SIGCONT)
    stopped = server.wait()
    ledger = trial.judge(stopped)
    listener = find_listener(ledger, "unixstream" if is_unix else "tcp")
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    trial.finding.load = (
        f"{sent.bytes / 2**20:.1f} MiB, {sent.packets:,} packets, "
        f"{sending.connections} connections"
    )
    trial.finding.delivered = f"{ledger.lines.read:,} of {sent.lines:,} lines"
    trial.expect(not sent.unacknowledged, "not all was acknowledged before the stop")
    # Between lines there is a newline, and before frames a head.
    overhead = listener.packets * _HEAD_BYTES if is_unix else 0
    trial.account(
        "bytes",
        sent.bytes,
        listener.bytes + overhead + listener.dropped_bytes,
    )


ATTACKS: Final = (
    Attack("stop under a flood of UDP", stop_under_flood),
    Attack("stop with 800 TCP connections", stop_with_tcp_connections),
    Attack("stop with 800 Unix streams", stop_with_unix_streams),
)
